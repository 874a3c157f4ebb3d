//! Pages that the host answers with, and the handler that serves one in the form the client asks for.

mod form;
mod html;
mod page;
mod serve;

pub use page::{Details, Page};
pub use serve::PageHandler;
