//! What there is to say about every status that Mews answers with: the rows behind [`StatusCode`], the ways to
//! break an app that they come from, and the reference page made of both.
//!
//! Failure pages, log lines, `mews explain` and `docs/reference/failures.md` all take their texts from here.

mod broken_app;
mod process;
mod reference;
mod request;
mod start;

use crate::status::{Status, StatusCode};

pub use broken_app::{BROKEN_APPS, BrokenApp, Seen};
pub use reference::{events_page, failures_page};

/// Every row, in ascending order.
pub fn statuses() -> impl Iterator<Item = &'static Status> {
    [request::ROWS, start::ROWS, process::ROWS].into_iter().flatten()
}

/// The rows of one HTTP status, in ascending order.
pub fn statuses_of(number: u16) -> impl Iterator<Item = &'static Status> {
    statuses().filter(move |row| row.code.number == number)
}

/// The known statuses that somebody who wrote `code` may have meant, the likeliest first; at most five.
pub fn similar(code: StatusCode) -> Vec<StatusCode> {
    let mut known: Vec<StatusCode> = statuses().map(|row| row.code).collect();
    let far = |other: &StatusCode| {
        let sub_status = i32::from(other.sub_status) - i32::from(code.sub_status);
        let number = i32::from(other.number) - i32::from(code.number);
        (number.abs(), sub_status.abs())
    };
    known.sort_by_key(far);
    known.truncate(5);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_unique() {
        let codes: Vec<_> = statuses().map(|row| (row.code.number, row.code.sub_status)).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn every_row_is_written_in_sentences() {
        for row in statuses() {
            let code = row.code;
            assert!(!row.title.ends_with('.') && !row.title.is_empty(), "{code}");
            assert!(!row.when.is_empty() && !row.more.is_empty() && !row.see.is_empty(), "{code}");
            let sentences = [row.cause, row.cure].into_iter().chain(row.never);
            for text in sentences.chain(row.when.iter().copied()).chain(row.more.iter().copied()) {
                assert!(
                    text.ends_with('.') && !text.contains("  ") && !text.contains('\n'),
                    "{code}: {text}"
                );
                // The name of a file stays as it is.
                let first = text.split(' ').next().unwrap_or_default();
                assert!(!text.starts_with(char::is_lowercase) || first.contains('.'), "{code}: {text}");
                assert_eq!(text.matches('`').count() % 2, 0, "{code}: {text}");
            }
        }
    }

    #[test]
    fn the_texts_of_pages_have_no_markup() {
        for row in statuses() {
            assert!(
                !row.title.contains('`') && !row.cause.contains('`') && !row.cure.contains('`'),
                "{}",
                row.code
            );
        }
    }

    #[test]
    fn numbers_in_see_also_are_known() {
        for row in statuses() {
            for see in row.see {
                if let Ok(code) = see.parse::<StatusCode>() {
                    assert!(code.row().is_some() && code != row.code, "{}: {see}", row.code);
                }
            }
        }
    }

    #[test]
    fn a_wrong_number_finds_its_neighbours() {
        assert_eq!(similar(StatusCode::new(500, 39))[0], StatusCode::SINGLE_FILE);
        assert_eq!(similar(StatusCode::new(503, 30))[0].number, 503);
        assert_eq!(similar(StatusCode::new(999, 0)).len(), 5);
    }
}
