//! Text pictures for where they are pasted: a C comment, reStructuredText, Markdown.

use alloc::string::String;

/// Where a text picture goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wrapper {
    /// As it is.
    #[default]
    Plain,
    /// A C block comment, as the kernel writes them.
    C,
    /// A reStructuredText literal block.
    Rst,
    /// A fenced block of Markdown.
    Markdown,
}

/// The picture as `wrapper` has it. Nothing inside can end the block early.
pub fn wrapped(picture: &str, wrapper: Wrapper) -> String {
    let mut out = String::new();
    let lines = picture.lines();
    match wrapper {
        Wrapper::Plain => out.push_str(picture),
        Wrapper::C => {
            out.push_str("/*\n");
            for line in lines {
                out.push_str(if line.is_empty() { " *" } else { " * " });
                // A name may hold the end of a comment, or begin one that a compiler warns of.
                out.push_str(&line.replace("*/", "* /").replace("/*", "/ *"));
                out.push('\n');
            }
            out.push_str(" */\n");
        }
        Wrapper::Rst => {
            out.push_str("::\n\n");
            for line in lines {
                if !line.is_empty() {
                    out.push_str("    ");
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        Wrapper::Markdown => {
            // The fence is longer than any run of backticks inside.
            let (mut run, mut longest) = (0, 2);
            for c in picture.chars() {
                run = if c == '`' { run + 1 } else { 0 };
                longest = longest.max(run);
            }
            let fence = "`".repeat(longest + 1);
            out.push_str(&fence);
            out.push_str("text\n");
            out.push_str(picture);
            out.push_str(&fence);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_a_block_early() {
        assert_eq!(wrapped("a */ b\n\n", Wrapper::C), "/*\n * a * / b\n *\n */\n");
        assert_eq!(wrapped("a ``` b\n", Wrapper::Markdown), "````text\na ``` b\n````\n");
        assert_eq!(wrapped("+-+\n| |\n", Wrapper::Rst), "::\n\n    +-+\n    | |\n");
    }
}
