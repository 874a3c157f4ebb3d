//! Why a process could not be started, in one sentence, and what to do about it.

use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{Exit, Refusal, Seen};
use crate::status::StatusCode;

fn failure(cause: String) -> Failure {
    Failure::new(StatusCode::PROCESS_FAILED, cause)
}

/// It ended before it listened.
pub(super) fn exited(exit: &Exit, after: Duration, port: u16) -> Failure {
    if let Some(Refusal { cause, cure }) = &exit.refusal {
        return failure(cause.clone())
            .with_cure(cure.clone())
            .with_detail(exit.detail.clone().unwrap_or_default());
    }
    let how = format!("{} after {} ms", exit.description, after.as_millis());
    let cause = match &exit.cause {
        Some(cause) => format!("{cause} before it listened on port {port}; its process {how}."),
        None => format!("The app's process {how}, before it listened on port {port}."),
    };
    let failure = failure(cause)
        .with_reason(exit.reason.clone().unwrap_or_default())
        .with_detail(exit.detail.clone().unwrap_or_default());
    if exit.clean {
        failure.with_cure(
            "It ended by itself: check that it is a web app, and that what its arguments ask for is to serve.",
        )
    } else {
        failure
    }
}

/// The time is over.
pub(super) fn not_listening(seen: &Seen, limit: Duration, port: Option<u16>) -> Failure {
    let port = port.map_or_else(|| "its port".to_owned(), |port| format!("port {port}"));
    let mut cause =
        format!("The app's process did not listen on {port} within {} s (startupTimeLimit)", limit.as_secs());
    let cure = match seen {
        Seen::Nothing | Seen::Foreign { .. } => {
            "Find out what the app waits for; if it needs the time, raise startupTimeLimit in web.config."
        }
        Seen::OnlyIpv6 => {
            cause.push_str("; it listens there on IPv6 only");
            "Let the app listen on 127.0.0.1 or on every address, not on [::1]."
        }
        Seen::Elsewhere(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            cause.push_str(&format!("; it listens on {} instead", addresses.join(", ")));
            "Let the app listen where ASPNETCORE_URLS says (the port is in ASPNETCORE_PORT too): remove its own \
             addresses, as in UseUrls, ListenAnyIP or Kestrel:Endpoints of appsettings.json."
        }
    };
    cause.push('.');
    failure(cause).with_cure(cure)
}

/// Somebody else has its port.
pub(super) fn port_taken(pid: Option<u32>, name: &str, port: u16) -> Failure {
    let by = match (pid, name) {
        (Some(pid), "") => format!("process {pid}"),
        (Some(pid), name) => format!("{name} (pid {pid})"),
        (None, "") => "another user's process".to_owned(),
        (None, name) => name.to_owned(),
    };
    failure(format!("Port {port} was taken by {by} before the app's process listened on it.")).with_cure(
        "Try again: another port is chosen each time, unless ASPNETCORE_PORT in web.config names one; then stop \
         the other process or remove the variable.",
    )
}

/// Too many ended in a minute.
pub(super) fn rapid(count: u64, limit: u64, again: Duration) -> Failure {
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let seconds = again.as_millis().div_ceil(1000);
    failure(format!(
        "The app's process ended {times} within a minute, which is more than rapidFailsPerMinute ({limit}) \
         allows; it is not started again for {seconds} s."
    ))
    .with_cure("Read in the log why it ended.")
}

/// The application stops.
pub(super) fn stopping() -> Failure {
    Failure::new(StatusCode::UNAVAILABLE, "The application is stopping.").with_cure("Try again in a moment.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let mut exit = Exit { description: "exited with code 3".to_owned(), ..Exit::default() };
        let ms = Duration::from_millis(120);
        assert_eq!(
            exited(&exit, ms, 31000).cause,
            "The app's process exited with code 3 after 120 ms, before it listened on port 31000."
        );
        exit.cause = Some("An unhandled exception ended the app".to_owned());
        exit.reason = Some("System.Exception: No.".to_owned());
        let failure = exited(&exit, ms, 31000);
        assert_eq!(
            failure.explanation(),
            "An unhandled exception ended the app before it listened on port 31000; its process exited with code 3 \
             after 120 ms. System.Exception: No."
        );
        exit.refusal = Some(Refusal { cause: "A 1.0 is not installed.".into(), cure: "Install it.".into() });
        assert_eq!(exited(&exit, ms, 31000).to_string(), "(502.5): A 1.0 is not installed. Install it.");
        let limit = Duration::from_secs(2);
        assert_eq!(
            not_listening(&Seen::Nothing, limit, Some(31000)).cause,
            "The app's process did not listen on port 31000 within 2 s (startupTimeLimit)."
        );
        let elsewhere =
            Seen::Elsewhere(vec!["127.0.0.1:5000".parse().unwrap(), "[::1]:5000".parse().unwrap()]);
        assert!(
            not_listening(&elsewhere, limit, Some(31000))
                .cause
                .ends_with("; it listens on 127.0.0.1:5000, [::1]:5000 instead.")
        );
        assert!(not_listening(&Seen::OnlyIpv6, limit, None).cause.contains("IPv6 only."));
        assert_eq!(
            port_taken(Some(7), "python3", 31000).cause,
            "Port 31000 was taken by python3 (pid 7) before the app's process listened on it."
        );
        assert!(port_taken(None, "", 1).cause.contains("another user's process"));
        assert_eq!(
            rapid(1, 0, Duration::from_millis(1500)).cause,
            "The app's process ended once within a minute, which is more than rapidFailsPerMinute (0) allows; it \
             is not started again for 2 s."
        );
    }
}
