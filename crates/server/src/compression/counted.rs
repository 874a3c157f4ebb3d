//! What compression has made of one response: counted when it is over, however it ended.

use std::sync::Arc;

use mews_model::compression::Coding;

use crate::access::Accounting;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Counted {
    coding: Coding,
    accounting: Arc<Accounting>,
    /// Bytes that went in.
    pub(super) before: u64,
    /// Bytes that came out.
    pub(super) after: u64,
}

impl Counted {
    pub(super) fn new(coding: Coding, accounting: &Arc<Accounting>) -> Self {
        Self { coding, accounting: Arc::clone(accounting), before: 0, after: 0 }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.accounting.compressed(self.coding, self.before, self.after);
    }
}
