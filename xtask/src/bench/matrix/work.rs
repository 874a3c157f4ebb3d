//! The kinds of load that setups are put under.

use super::Preset;
use crate::bench::setup::Setup;

/// What a kind of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As many requests as there is processor time for.
    Full,
    /// Pauses between requests.
    Paced,
    /// The handler waits for something else than the processor.
    Waiting,
    /// Bodies of 10 MiB.
    Transfer,
}

/// What makes the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generator {
    /// `wrk`, with GET requests.
    Wrk,
    /// `wrk`, with requests of a script: its name and its text.
    Script(&'static str, &'static str),
    /// `h2load`, with GET requests over HTTP/2.
    H2load,
    /// Messages of 32 bytes over WebSockets, each sent when the one before has come back.
    WebSocket,
}

/// One kind of load.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) generator: Generator,
    /// Over TLS.
    pub(super) secure: bool,
    /// Connections, when not as many as the options say.
    pub(super) connections: Option<u32>,
    /// How much of Kestrel's processor time Mews in-process may take.
    pub(super) in_process: Option<f64>,
    /// Whether the out-of-process comparison has it.
    pub(super) out_of_process: bool,
}

const PLAIN: Work = Work {
    name: "plaintext",
    path: "/plaintext",
    kind: Kind::Full,
    generator: Generator::Wrk,
    secure: false,
    connections: None,
    in_process: Some(0.65),
    out_of_process: true,
};

const PACED: Generator = Generator::Script("paced.lua", include_str!("../config/paced.lua"));
const UPLOAD: Generator = Generator::Script("upload.lua", include_str!("../config/upload.lua"));
const UPLOAD_1K: Generator = Generator::Script("upload1k.lua", include_str!("../config/upload1k.lua"));

/// All of them, cheapest first. The design's bars are beside them.
pub(super) const ALL: [Work; 19] = [
    PLAIN,
    Work { name: "plaintext-1", connections: Some(1), in_process: None, out_of_process: false, ..PLAIN },
    Work {
        name: "plaintext-1024",
        connections: Some(1024),
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
    Work { name: "https", secure: true, in_process: Some(0.60), ..PLAIN },
    Work {
        name: "http2",
        secure: true,
        generator: Generator::H2load,
        connections: Some(10),
        in_process: Some(0.80),
        ..PLAIN
    },
    Work { name: "json", path: "/json", ..PLAIN },
    Work { name: "json-1k", path: "/json1k", out_of_process: false, ..PLAIN },
    Work { name: "yield", path: "/yield", in_process: Some(1.0), out_of_process: false, ..PLAIN },
    Work { name: "loopback", path: "/loopback", in_process: Some(0.9), out_of_process: false, ..PLAIN },
    Work { name: "fan-out", path: "/fanout", in_process: None, out_of_process: false, ..PLAIN },
    Work {
        name: "wait-10ms",
        path: "/wait?ms=10",
        kind: Kind::Waiting,
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
    Work { name: "paced", kind: Kind::Paced, generator: PACED, in_process: None, ..PLAIN },
    Work {
        name: "download-1k",
        path: "/download?bytes=1024",
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
    Work {
        name: "upload-1k",
        path: "/upload",
        generator: UPLOAD_1K,
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
    Work { name: "web-socket", path: "/echo", generator: Generator::WebSocket, in_process: None, ..PLAIN },
    Work { name: "download", path: "/download", kind: Kind::Transfer, in_process: Some(0.7), ..PLAIN },
    Work {
        name: "upload",
        path: "/upload",
        kind: Kind::Transfer,
        generator: UPLOAD,
        in_process: Some(0.7),
        ..PLAIN
    },
    Work {
        name: "send-file",
        path: "/file",
        kind: Kind::Transfer,
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
    // Last, as it leaves many threads behind for a while.
    Work {
        name: "yield-1024",
        path: "/yield",
        connections: Some(1024),
        in_process: None,
        out_of_process: false,
        ..PLAIN
    },
];

impl Work {
    /// Whether a comparison has it when nothing is chosen.
    pub(super) fn belongs_to(&self, preset: Preset) -> bool {
        preset != Preset::OutOfProcess || self.out_of_process
    }

    /// Whether `setup` can do it.
    pub(super) fn suits(&self, setup: Setup) -> bool {
        let constant = self.path == "/plaintext" && self.kind == Kind::Full;
        match setup {
            Setup::Floor => constant,
            Setup::Native => constant && !self.secure,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_floors_answer_plaintext_only() {
        let mut names: Vec<_> = ALL.iter().map(|work| work.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        let floor: Vec<_> =
            ALL.iter().filter(|work| work.suits(Setup::Floor)).map(|work| work.name).collect();
        assert_eq!(floor, ["plaintext", "plaintext-1", "plaintext-1024", "https", "http2"]);
    }
}
