//! One request between the HTTP server and managed code: translation of shapes, no state of its own.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use mews_clr::abi;
use mews_server as server;
use mews_server::{BodyError, Gone, HeaderBlockRef, TraceId, UpgradeError};

/// A reference to a request of the server, as the function table wants it.
#[derive(Clone)]
pub(super) struct Exchange(pub(super) Arc<server::Exchange>);

impl Exchange {
    /// The head that begins the response.
    fn head<'a>(&self, head: Option<&abi::Head<'a>>) -> Option<server::ResponseHead<'a>> {
        let head = head?;
        if head.as_is {
            self.0.leave_uncompressed();
        }
        if let Some(trace) = head.trace {
            self.0.set_trace(trace);
        }
        Some(response_head(head))
    }
}

impl abi::Exchange for Exchange {
    fn read_body(&self, dst: &mut [u8]) -> abi::BodyRead {
        match self.0.read_body(dst) {
            Ok(server::BodyRead::Data(count)) => abi::BodyRead::Data(count),
            Ok(server::BodyRead::End) => abi::BodyRead::End,
            Ok(server::BodyRead::WouldBlock) => abi::BodyRead::WouldBlock,
            Err(BodyError::Gone) => abi::BodyRead::Gone,
            Err(BodyError::Malformed) => abi::BodyRead::Malformed,
            Err(BodyError::TooLarge) => abi::BodyRead::TooLarge,
            Err(BodyError::TimedOut) => abi::BodyRead::TimedOut,
        }
    }

    fn request_trailers(&self, visit: &mut abi::TrailerVisitor<'_>) {
        self.0.request_trailers(|trailers| {
            // The server made the block, so every record of it is well-formed.
            for field in trailers.as_ref().iter().flatten() {
                visit(field.name, field.value, field.known);
            }
        });
    }

    fn write(&self, head: Option<&abi::Head<'_>>, block: &[u8], extra: &[u8]) -> abi::Write {
        match self.0.write(self.head(head).as_ref(), block, extra) {
            Ok(written) => abi::Write::Taken { extra: written.extra_taken, room: written.room },
            Err(Gone) => abi::Write::Gone,
        }
    }

    fn send_file(
        &self,
        head: Option<&abi::Head<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> abi::SendFile {
        match self.0.send_file(self.head(head).as_ref(), file, offset, count) {
            Ok(true) => abi::SendFile::Done,
            Ok(false) => abi::SendFile::Pending,
            Err(Gone) => abi::SendFile::Gone,
        }
    }

    fn finish(&self, head: Option<&abi::Head<'_>>, last: &[u8], trailers: &[u8]) -> bool {
        self.0.finish(self.head(head).as_ref(), last, HeaderBlockRef(trailers)).is_ok()
    }

    fn upgrade(&self, head: &abi::Head<'_>) -> abi::Upgrade {
        match self.0.upgrade(&response_head(head)) {
            Ok(()) => abi::Upgrade::Done,
            Err(UpgradeError::Gone) => abi::Upgrade::Gone,
            Err(_) => abi::Upgrade::NotAllowed,
        }
    }

    fn traced(&self, trace: TraceId) {
        self.0.set_trace(trace);
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn reset(&self, code: i64) -> bool {
        // Codes have 32 bits in HTTP/2; the table leaves room for those of its successor.
        self.0.reset(u32::try_from(code).unwrap_or(u32::MAX))
    }
}

fn response_head<'a>(head: &abi::Head<'a>) -> server::ResponseHead<'a> {
    server::ResponseHead {
        status: head.status,
        reason: head.reason,
        headers: HeaderBlockRef(head.headers),
        content_length: head.content_length,
        close: head.close,
    }
}
