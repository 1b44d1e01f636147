//! Text to [`Scenario`], collecting every problem.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::ast::{Annotation, Declaration, Expectation, Header, Line, Operation, Scenario, Statement, Verb};
use super::form::{is_name, Form, Name};
use super::lexer::{lex, Kind, Token};
use super::problem::{Problem, Problems};
use super::span::{Node, Span};
use super::{MAGIC, MAX_LINES, MAX_PROBLEMS, MAX_STEPS, MAX_TEXT, NEWEST, VERSION};

/// Reads a scenario.
///
/// # Errors
/// Every problem found, in the order of the text (at most [`MAX_PROBLEMS`]).
pub fn parse(text: &str) -> Result<Scenario, Problems> {
    let (scenario, problems) = parse_all(text);
    if problems.is_empty() {
        Ok(scenario)
    } else {
        Err(Problems(problems))
    }
}

/// Reads as much of a scenario as can be read, for editors: lines with a problem have no statement.
///
/// Names are looked up when every line could be read: a name is only unknown when no line could have given it.
pub fn parse_all(text: &str) -> (Scenario, Vec<Problem>) {
    let (scenario, mut problems) = read(text);
    if problems.is_empty() {
        super::names::check(&scenario, &mut problems);
        problems.sort_by_key(|p| (p.span.line, p.span.column));
    }
    (scenario, problems)
}

/// Reads the lines, without looking names up.
pub(super) fn read(text: &str) -> (Scenario, Vec<Problem>) {
    let mut parser = Parser::default();
    if text.len() > MAX_TEXT {
        parser.problems.push(Problem::new(
            Span::new(1, 1, 0),
            alloc::format!("the text has {} bytes; the limit is {MAX_TEXT}", text.len()),
            alloc::format!("文本有 {} 字节，上限是 {MAX_TEXT}", text.len()),
        ));
        return (Scenario::default(), parser.problems);
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    for (i, line) in body.split('\n').enumerate() {
        let number = i as u32 + 1;
        if i == MAX_LINES {
            parser.problems.push(Problem::new(
                Span::new(number, 1, 0),
                alloc::format!("more than {MAX_LINES} lines"),
                alloc::format!("超过 {MAX_LINES} 行"),
            ));
        }
        if parser.problems.len() >= MAX_PROBLEMS {
            break;
        }
        let line = parser.line(line.strip_suffix('\r').unwrap_or(line), number);
        parser.scenario.lines.push(line);
    }
    parser.end();
    (parser.scenario, parser.problems)
}

/// The part of the scenario that a line is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Section {
    /// Before the version line.
    #[default]
    Start,
    /// Before `steps`.
    Machine,
    /// After `steps`.
    Steps,
}

/// What sub-statements may follow.
#[derive(Clone, Copy, PartialEq, Default)]
enum Owner {
    #[default]
    Nothing,
    Port,
    Device,
}

#[derive(Default)]
struct Parser {
    scenario: Scenario,
    problems: Vec<Problem>,
    section: Section,
    owner: Owner,
    steps: usize,
    operations: usize,
    steps_at: Span,
    /// A note that waits for its statement.
    note: Option<Span>,
    /// Where each verb that may stand only once stood.
    once: Vec<(&'static str, Span)>,
}

impl Parser {
    fn line(&mut self, text: &str, number: u32) -> Line {
        let mut line = Line::default();
        let lexed = match lex(text, number) {
            Ok(lexed) => lexed,
            Err(problem) => {
                self.problems.push(problem);
                return line;
            }
        };
        line.comment = lexed.comment.map(ToString::to_string);
        let (Some(first), Some(last)) = (lexed.tokens.first(), lexed.tokens.last()) else { return line };
        line.span = first.span.to(last.span);
        if self.section == Section::Start {
            // Whatever is wrong with the first statement, the lines after it are read on their own merit.
            self.section = Section::Machine;
            if first.raw != MAGIC {
                self.problems.push(
                    Problem::new(
                        first.span,
                        alloc::format!("expected the first line `{MAGIC} {VERSION}`"),
                        alloc::format!("第一行应为 `{MAGIC} {VERSION}`"),
                    )
                    .suggest(first.raw, [MAGIC]),
                );
            }
        }
        let read = statement(&lexed.tokens, lexed.end).and_then(|s| {
            self.check_place(&s, line.span)?;
            Ok(s)
        });
        match read {
            Ok(statement) => line.statement = Some(statement),
            Err(problem) => self.problems.push(problem),
        }
        line
    }

    /// Is the statement where it may stand?
    fn check_place(&mut self, statement: &Statement, span: Span) -> Result<(), Problem> {
        let verb = statement.verb();
        if !matches!(statement, Statement::Note(_)) {
            self.note = None;
        } else if self.note.is_none() {
            self.note = Some(span);
        }
        if once_only(statement) {
            if let Some((_, first)) = self.once.iter().find(|(v, _)| *v == verb) {
                return Err(Problem::new(
                    span,
                    alloc::format!("`{verb}` may stand only once"),
                    alloc::format!("`{verb}` 只能出现一次"),
                )
                .related(*first, "the first is here", "第一次在这里"));
            }
            self.once.push((verb, span));
        }
        let before_steps =
            |problem: Problem, at: Span| problem.related(at, "the steps begin here", "步骤从这里开始");
        match statement {
            Statement::Version(version) => {
                if !(u64::from(VERSION)..=u64::from(NEWEST)).contains(&version.value) {
                    return Err(Problem::new(
                        version.span,
                        alloc::format!(
                            "language version {version} is not known; this program reads {VERSION} and {NEWEST}"
                        ),
                        alloc::format!("不认识语言版本 {version}；本程序支持 {VERSION} 和 {NEWEST}"),
                    ));
                }
            }
            Statement::Note(_) => {}
            Statement::Header(_) | Statement::Declaration(_) if self.section == Section::Steps => {
                return Err(before_steps(
                    Problem::new(
                        span,
                        alloc::format!("`{verb}` must stand before `steps`"),
                        alloc::format!("`{verb}` 要写在 `steps` 之前"),
                    ),
                    self.steps_at,
                ));
            }
            Statement::Header(_) => {}
            Statement::Declaration(declaration) => self.check_owner(declaration, verb, span)?,
            Statement::Steps => {
                self.section = Section::Steps;
                self.steps_at = span;
            }
            Statement::Operation(_) | Statement::Expect(_) => {
                if self.section != Section::Steps {
                    return Err(Problem::new(
                        span,
                        alloc::format!("`{verb}` is a step: write a line `steps` before it"),
                        alloc::format!("`{verb}` 是一个步骤：请先写一行 `steps`"),
                    ));
                }
                self.steps += 1;
                if self.steps == MAX_STEPS + 1 {
                    return Err(Problem::new(
                        span,
                        alloc::format!("more than {MAX_STEPS} steps"),
                        alloc::format!("超过 {MAX_STEPS} 个步骤"),
                    ));
                }
                if matches!(statement, Statement::Operation(_)) {
                    self.operations += 1;
                } else if self.operations == 0 && !is_about_the_machine(statement) {
                    return Err(Problem::new(
                        span,
                        "nothing has been done yet that this could be about",
                        "前面还没有任何操作，无从判断",
                    ));
                }
            }
        }
        Ok(())
    }

    /// `bar` and its like belong to the device or port above them.
    fn check_owner(&mut self, declaration: &Declaration, verb: &str, span: Span) -> Result<(), Problem> {
        use Declaration as D;
        let (needs, what) = match declaration {
            D::Bar(_) | D::Sriov(_) | D::VfBar(_) | D::Local(_) | D::Engine(_) | D::Vectors(_) => {
                (Owner::Device, ("`device`", "`device`"))
            }
            D::Window(_) => {
                (Owner::Port, ("`rootport`, `switch` or `port`", "`rootport`、`switch` 或 `port`"))
            }
            other => {
                self.owner = match other {
                    D::Device(_) => Owner::Device,
                    D::RootPort(_) | D::Switch(_) | D::DownstreamPort(_) => Owner::Port,
                    _ => Owner::Nothing,
                };
                return Ok(());
            }
        };
        if self.owner == needs {
            return Ok(());
        }
        Err(Problem::new(
            span,
            alloc::format!("`{verb}` belongs to a {} line: write it below one", what.0),
            alloc::format!("`{verb}` 属于某一行 {}：请写在它下面", what.1),
        ))
    }

    fn end(&mut self) {
        if self.section == Section::Start && self.problems.is_empty() {
            self.problems.push(Problem::new(
                Span::new(1, 1, 0),
                alloc::format!("expected the first line `{MAGIC} {VERSION}`"),
                alloc::format!("第一行应为 `{MAGIC} {VERSION}`"),
            ));
        }
        if let Some(span) = self.note {
            self.problems.push(Problem::new(
                span,
                "this note has no statement after it",
                "这条注解后面没有语句",
            ));
        }
        self.problems.sort_by_key(|p| (p.span.line, p.span.column));
    }
}

/// Reads one line that holds one statement, whatever its place in a scenario would be.
pub(super) fn parse_line(text: &str) -> Result<Statement, Problem> {
    let lexed = lex(text, 1)?;
    statement(&lexed.tokens, lexed.end)
}

fn statement(tokens: &[Token<'_>], end: Span) -> Result<Statement, Problem> {
    let (result, tokens) = match tokens {
        [name, equals, rest @ ..] if equals.raw == "=" && name.kind == Kind::Word => {
            if !is_name(name.raw) || super::form::RESERVED.contains(&name.raw) {
                return Err(Problem::expected_noun(name.span, super::noun::Noun::NewName, name.raw));
            }
            (Some(Node { value: name.raw.to_string(), span: name.span }), rest)
        }
        tokens => (None, tokens),
    };
    let ((_, make), used) = find_verb(tokens, end, &result)?;
    let mut statement = make();
    let mut form = Form::reader(&tokens[used..], tokens[0].span.to(tokens[used - 1].span), end, result);
    statement.form(&mut form)?;
    form.finish()?;
    Ok(statement)
}

/// Expectations about the machine itself, which need nothing done before them.
fn is_about_the_machine(statement: &Statement) -> bool {
    use Expectation as E;
    let Statement::Expect(e) = statement else { return false };
    matches!(e, E::Group(_) | E::Address(_) | E::Translation(_) | E::Data(_))
        || matches!(e, E::EntryPage(_) | E::EntryDevice(_) | E::EntryProcess(_))
}

/// Statements of which a scenario has one at most.
fn once_only(statement: &Statement) -> bool {
    use Declaration as D;
    match statement {
        Statement::Version(_) | Statement::Steps => true,
        Statement::Header(header) => !matches!(header, Header::Source(_) | Header::Change(_)),
        Statement::Declaration(d) => {
            matches!(
                d,
                D::Machine(_) | D::Iommu(_) | D::Swiotlb(_) | D::Cache(_) | D::DmaDebug(_) | D::Peers(_)
            )
        }
        Statement::Note(_) | Statement::Operation(_) | Statement::Expect(_) => false,
    }
}

/// Every verb and an empty statement of it, in the order of the reference.
pub(super) fn verbs() -> impl Iterator<Item = Verb> {
    const VERSION_LINE: &[Verb] = &[(MAGIC, || Statement::Version(Default::default()))];
    const STEPS_LINE: &[Verb] = &[("steps", || Statement::Steps)];
    [
        VERSION_LINE,
        Header::VERBS,
        Annotation::VERBS,
        Declaration::VERBS,
        STEPS_LINE,
        Operation::VERBS,
        Expectation::VERBS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The statement whose verb `tokens` begin with, and how many tokens the verb takes.
pub(super) fn find_verb(
    tokens: &[Token<'_>],
    end: Span,
    result: &Option<Name>,
) -> Result<(Verb, usize), Problem> {
    let Some(first) = tokens.first() else {
        return Err(Problem::expected_text(
            end,
            "a call such as `dma_map_single`",
            "一个调用，如 `dma_map_single`",
            "",
        ));
    };
    // A verb of several words is found by its first; each further one then has to be one of the family.
    let (mut family, mut known) = (Vec::new(), 0);
    for (verb, make) in verbs() {
        if !verb.starts_with(first.raw) {
            continue;
        }
        let same = verb.split(' ').zip(tokens).take_while(|(word, token)| *word == token.raw).count();
        let Some(next) = verb.split(' ').nth(same) else { return Ok(((verb, make), same)) };
        if same > known {
            (known, family) = (same, Vec::new());
        }
        if same > 0 && same == known && family.last() != Some(&next) {
            family.push(next);
        }
    }
    if !family.is_empty() {
        let (span, found) = tokens.get(known).map_or((end, ""), |t| (t.span, t.raw));
        return Err(Problem::expected_words(span, &family, found));
    }
    let mut words: Vec<&'static str> =
        verbs().map(|(verb, _)| verb.split_once(' ').map_or(verb, |(head, _)| head)).collect();
    words.dedup();
    if result.is_some() {
        words.retain(|w| w.starts_with("dma_map") || w.starts_with("dma_alloc") || *w == "ioremap");
    }
    let mut problem = Problem::new(
        first.span,
        alloc::format!("`{}` is no statement", super::problem::cut(first.raw)),
        alloc::format!("没有 `{}` 这种语句", super::problem::cut(first.raw)),
    )
    .suggest(first.raw, words.iter().copied());
    problem.expected = words;
    Err(problem.point_at_absent(first.raw))
}
