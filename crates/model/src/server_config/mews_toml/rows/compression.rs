//! The rows about compressed responses.

use super::super::table::Default::Text;
use super::super::table::{Kind, Row, row};
use crate::compression::Compression;

pub(super) const COMPRESSION: &[Row<Compression>] = &[
    row(
        "encodings",
        Kind::Parsed {
            what: "list of encodings",
            example: "\"br, gzip\"",
            read: |compression, text| text.value.parse().map(|codings| compression.codings = codings),
        },
        Text("\"zstd, br, gzip\""),
        "What may be used. Of those that a client likes equally, the first is.",
    ),
    row(
        "types",
        Kind::Parsed {
            what: "list of media types",
            example: "\"text/*, application/json\"",
            read: |compression, text| text.value.parse().map(|types| compression.types = types),
        },
        Text(
            "\"text/*, application/json, application/javascript, application/xml, application/wasm, */*+json, */*+xml\"",
        ),
        "Media types that are compressed.",
    ),
    row(
        "min_size",
        Kind::Size(|compression, bytes| compression.least_bytes = bytes),
        Text("1024"),
        "Bodies that are known to be smaller stay as they are.",
    ),
];
