//! What requests are answered with that cannot be forwarded.

use std::time::Duration;

use mews_model::{Failure, StatusCode};
use mews_server::{Page, PageHandler};

/// A failure, as clients may see it. `bare`: as 502.3 and without a page, if it is the start that failed.
pub(super) fn failure(
    failure: Failure,
    detailed_errors: bool,
    bare: bool,
    retry_after: Option<Duration>,
) -> PageHandler {
    let start_failed = failure.code == StatusCode::PROCESS_FAILED;
    if bare && start_failed {
        return PageHandler::bare(StatusCode::BAD_GATEWAY.number);
    }
    if failure.code == StatusCode::UNAVAILABLE {
        return stopping();
    }
    let failure = failure.shown(detailed_errors);
    PageHandler::new(&Page {
        status: failure.code.number,
        sub_status: failure.code.sub_status,
        title: failure.code.title().to_owned(),
        cause: failure.cause,
        cure: failure.cure,
        detail: failure.detail,
        retry_after: retry_after.map(whole_seconds),
    })
}

/// The answer to whatever comes when everything has ended.
pub(super) fn stopping() -> PageHandler {
    PageHandler::new(&Page {
        status: StatusCode::UNAVAILABLE.number,
        sub_status: StatusCode::UNAVAILABLE.sub_status,
        title: "The app is stopping".to_owned(),
        cause: "The application is stopping.".to_owned(),
        cure: "Try again in a moment.".to_owned(),
        detail: None,
        retry_after: Some(1),
    })
}

/// Rounded up, and never 0, which would ask clients to come back at once.
fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}
