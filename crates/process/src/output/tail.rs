//! The last that a process printed.

use std::collections::VecDeque;

/// How much is kept; enough for a stack trace and what led to it.
const MOST_BYTES: usize = 30_000;
const MOST_LINES: usize = 200;

/// Keeps the last 30,000 bytes, at most 200 lines, of a stream.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// Takes what was printed next.
    pub fn push(&mut self, chunk: &[u8]) {
        let skip = chunk.len().saturating_sub(MOST_BYTES);
        self.cut |= skip > 0;
        self.bytes.extend(chunk.get(skip..).unwrap_or_default());
        let over = self.bytes.len().saturating_sub(MOST_BYTES);
        if over > 0 {
            self.cut = true;
            self.bytes.drain(..over);
        }
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was kept, as text without terminal escapes; begins with a whole line if something was cut.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<&str> = text.lines().collect();
        if self.cut && lines.len() > 1 {
            lines.remove(0);
        }
        let first = lines.len().saturating_sub(MOST_LINES);
        let mut out = String::new();
        for line in lines.into_iter().skip(first) {
            plain(line, &mut out);
            out.push('\n');
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// Appends a line without escape sequences (colours) and other control characters.
fn plain(line: &str, out: &mut String) {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            // Parameters, then one final byte.
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end_from_a_line_on() {
        let mut tail = Tail::default();
        for n in 0..10_000 {
            tail.push(format!("line {n}\n").as_bytes());
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), 200);
        assert!(text.starts_with("line 9800\n") && text.ends_with("line 9999"));
        tail.push(&[b'x'; 100_000]);
        assert_eq!(tail.text().len(), 30_000);
    }

    #[test]
    fn colours_and_broken_text_become_plain() {
        let mut tail = Tail::default();
        tail.push(b"\x1b[31mred\x1b[0m\xff\r\n\x07\tbell\n\n");
        assert_eq!(tail.text(), "red\u{fffd}\n\tbell");
        assert!(!tail.is_empty());
        assert_eq!(Tail::default().text(), "");
    }
}
