//! The text of a device tree: nodes, properties, references. What a preprocessor would replace is kept as a word without a value.

use super::super::scan::number;
use alloc::string::String;
use alloc::vec::Vec;

/// How deep nodes may be inside each other.
const DEEPEST: usize = 64;
/// The most nodes.
const MOST: usize = 20_000;

/// One number of a property.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// A number.
    Number(u32),
    /// `&label`, or a word that only a preprocessor knows.
    Word(String),
}

/// A property.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// The numbers in `< >`.
    pub cells: Vec<Cell>,
    /// The texts in quotes.
    pub texts: Vec<String>,
    /// Its line.
    pub line: usize,
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node {
    /// Its name, with the address.
    pub name: String,
    /// The names that references use.
    pub labels: Vec<String>,
    /// Its properties.
    pub properties: Vec<Property>,
    /// The node it is in.
    pub parent: Option<usize>,
    /// Its line.
    pub line: usize,
}

impl Node {
    /// Returns a property.
    pub fn property(&self, name: &str) -> Option<&Property> {
        // A later one replaces an earlier.
        self.properties.iter().rev().find(|p| p.name == name)
    }
    /// Returns the first number of a property.
    pub fn number(&self, name: &str) -> Option<u32> {
        match self.property(name)?.cells.first()? {
            Cell::Number(value) => Some(*value),
            Cell::Word(_) => None,
        }
    }
    /// Returns whether it says that it is compatible with something of this name.
    pub fn compatible(&self, with: &str) -> bool {
        self.property("compatible").is_some_and(|p| p.texts.iter().any(|text| text == with))
    }
}

/// Where the text is none, counted from its first line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// The line.
    pub line: usize,
    /// What is there.
    pub found: String,
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn skip(&mut self) {
        // Bounded: each turn passes a character.
        loop {
            let before = self.rest.len();
            let trimmed = self.rest.trim_start();
            self.line += self.rest[..before - trimmed.len()].matches('\n').count();
            self.rest = trimmed;
            let end = if self.rest.starts_with("//") || self.rest.starts_with('#') && self.directive() {
                self.rest.find('\n').unwrap_or(self.rest.len())
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map_or(self.rest.len(), |at| at + 2)
            } else {
                0
            };
            self.line += self.rest[..end].matches('\n').count();
            self.rest = &self.rest[end..];
            if self.rest.len() == before {
                return;
            }
        }
    }

    /// `#include`, `#define`: names of properties begin with `#` too.
    fn directive(&self) -> bool {
        ["#include", "#define", "#if", "#else", "#endif", "#undef", "# "]
            .iter()
            .any(|d| self.rest.starts_with(d))
    }

    /// The next token: one of the marks, a text with its quotes, or a word.
    fn next(&mut self) -> Option<&'a str> {
        self.skip();
        let first = self.rest.chars().next()?;
        let len = match first {
            '"' => {
                let mut escaped = false;
                let end = self.rest.char_indices().skip(1).find(|(_, c)| {
                    let ends = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                });
                end.map_or(self.rest.len(), |(at, _)| at + 1)
            }
            '{' | '}' | ';' | '=' | '<' | '>' | '[' | ']' | '(' | ')' | ':' => 1,
            _ => {
                let end = |c: char| c.is_whitespace() || "{};=<>[]():\"".contains(c);
                let mut len = self.rest.find(end).unwrap_or(self.rest.len());
                // A comma is in names (`arm,smmu-v3`), and between values.
                if self.rest[..len].starts_with(',') {
                    len = 1;
                } else if self.rest[..len].ends_with(',') {
                    len -= 1;
                }
                len.max(first.len_utf8())
            }
        };
        let (token, rest) = self.rest.split_at(len);
        self.line += token.matches('\n').count();
        self.rest = rest;
        Some(token)
    }
}

/// Reads a text.
pub fn parse(text: &str) -> Result<Vec<Node>, Wrong> {
    let mut lexer = Lexer { rest: text, line: 1 };
    let mut nodes: Vec<Node> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    let wrong =
        |lexer: &Lexer<'_>, found: &str| Wrong { line: lexer.line, found: found.chars().take(40).collect() };
    // Bounded: each turn passes a token.
    while let Some(token) = lexer.next() {
        match token {
            "}" => {
                open.pop().ok_or_else(|| wrong(&lexer, token))?;
            }
            ";" => {}
            "/dts-v1/" | "/plugin/" => {}
            "/memreserve/" | "/include/" | "/delete-node/" | "/delete-property/" => {
                // Bounded: to the end of the statement.
                while lexer.next().is_some_and(|token| token != ";") {}
            }
            "{" | "=" | "<" | ">" | "[" | "]" | "(" | ")" | ":" => return Err(wrong(&lexer, token)),
            name => {
                let line = lexer.line;
                match lexer.next() {
                    Some(":") => {
                        labels.push(name.into());
                        continue;
                    }
                    Some("{") => {
                        if open.len() >= DEEPEST || nodes.len() >= MOST {
                            return Err(wrong(&lexer, name));
                        }
                        // `&label { }` and a second `/ { }` continue a node.
                        let known = match name.strip_prefix('&') {
                            Some(label) => nodes.iter().position(|n| n.labels.iter().any(|l| l == label)),
                            None => {
                                nodes.iter().position(|n| n.name == name && n.parent == open.last().copied())
                            }
                        };
                        let at = known.unwrap_or_else(|| {
                            let parent = open.last().copied();
                            nodes.push(Node { name: name.into(), parent, line, ..Node::default() });
                            nodes.len() - 1
                        });
                        nodes[at].labels.append(&mut labels);
                        open.push(at);
                    }
                    Some("=") => {
                        let property = value(&mut lexer, name, line);
                        let at = open.last().ok_or_else(|| wrong(&lexer, name))?;
                        nodes[*at].properties.push(property);
                    }
                    Some(";") => {
                        let at = open.last().ok_or_else(|| wrong(&lexer, name))?;
                        nodes[*at].properties.push(Property {
                            name: name.into(),
                            line,
                            ..Property::default()
                        });
                    }
                    Some(other) => return Err(wrong(&lexer, other)),
                    None => return Err(wrong(&lexer, "")),
                }
                labels.clear();
            }
        }
    }
    match open.is_empty() {
        true => Ok(nodes),
        false => Err(wrong(&lexer, "")),
    }
}

/// The value of a property, to its semicolon.
fn value(lexer: &mut Lexer<'_>, name: &str, line: usize) -> Property {
    let mut property = Property { name: name.into(), line, ..Property::default() };
    let mut inside = false;
    let mut depth = 0;
    // Bounded: each turn passes a token.
    while let Some(token) = lexer.next().filter(|token| *token != ";") {
        match token {
            "<" if depth == 0 => inside = true,
            ">" if depth == 0 => inside = false,
            "(" => {
                depth += 1;
                if depth == 1 {
                    property.cells.push(Cell::Word(String::from("(")));
                }
            }
            ")" => depth -= 1,
            _ if depth > 0 => {}
            // `dtc` writes a list of texts as one, with zeros between.
            text if text.starts_with('"') => {
                property.texts.extend(text.trim_matches('"').split("\\0").map(String::from));
            }
            word if inside => property.cells.push(match number(word).and_then(|n| u32::try_from(n).ok()) {
                Some(value) => Cell::Number(value),
                None => Cell::Word(word.into()),
            }),
            _ => {}
        }
    }
    property
}
