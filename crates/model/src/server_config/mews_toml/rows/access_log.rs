//! The rows about the access log.

use super::super::table::Default::{Required, Text};
use super::super::table::{Kind, Row, number, row};
use super::UINT;
use crate::server_config::{AccessLog, AccessLogFormat, Period};

pub(super) const ACCESS_LOG: &[Row<AccessLog>] = &[
    row(
        "file",
        Kind::Path(|log, path| log.file = path.value),
        Required,
        "The file, which sites and workers may share; `\"-\"` is stderr. Workers open it, as the user that they run as.",
    ),
    row(
        "format",
        Kind::Choice(&[
            ("w3c", |log| log.format = AccessLogFormat::W3c),
            ("combined", |log| log.format = AccessLogFormat::Combined),
            ("json", |log| log.format = AccessLogFormat::Json),
        ]),
        Text("\"w3c\""),
        "W3C extended with IIS's fields, the combined format of Apache and nginx, or JSON lines.",
    ),
    row(
        "period",
        Kind::Choice(&[
            ("never", |log| log.period = Period::Never),
            ("hourly", |log| log.period = Period::Hourly),
            ("daily", |log| log.period = Period::Daily),
            ("weekly", |log| log.period = Period::Weekly),
            ("monthly", |log| log.period = Period::Monthly),
        ]),
        Text("\"daily\""),
        "When a new file is begun (UTC); the old one gets the time of its last line into its name.",
    ),
    row(
        "size",
        Kind::Size(|log, bytes| log.max_bytes = (bytes > 0).then_some(bytes)),
        Text("0"),
        "A new file is also begun when one has this size; 0 is off.",
    ),
    row(
        "keep",
        number(0, UINT, |log, n| log.keep = u32::try_from(n.value).ok().filter(|&n| n > 0)),
        Text("30"),
        "How many old files are kept; 0 is all.",
    ),
];
