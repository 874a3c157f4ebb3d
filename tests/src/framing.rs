//! The table of `docs/reference/http-framing.md`: messages that two servers could read differently, and what Mews does.

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// The bytes that are sent.
    pub message: Vec<u8>,
    /// The statuses of all answers when [`FOLLOWER`] comes right behind it: two, if that was read as a request.
    pub statuses: Vec<u16>,
}

/// The request that follows each message.
pub const FOLLOWER: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The rows of the page: `| name | ``message`` | statuses |`.
pub fn cases(page: &str) -> Vec<Case> {
    page.lines().filter_map(case).collect()
}

fn case(line: &str) -> Option<Case> {
    let mut columns = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let (name, message, statuses) = (columns.next()?, columns.next()?, columns.next()?);
    let message = message.strip_prefix('`')?.strip_suffix('`')?;
    let statuses: Option<Vec<u16>> = statuses.split(", ").map(|status| status.parse().ok()).collect();
    Some(Case { name: name.to_owned(), message: unescaped(message)?, statuses: statuses? })
}

/// `\r`, `\n`, `\t`, `\0` and `\xHH` stand for bytes.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
