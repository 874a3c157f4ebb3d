//! What the engines are told of a request and of the app's folder.

use std::net::SocketAddr;

/// The app's folder, as far as rules ask about it. Implemented by whoever has a file system.
pub trait FileSystem: Send + Sync {
    /// The folder's absolute path, without a trailing slash.
    fn root(&self) -> &str;

    /// What is at `path`, below the folder: a path that begins with `/` and has no `.` and `..` segments.
    fn kind(&self, path: &str) -> Option<FileKind>;
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Directory,
}

/// One request. Everything is as the client sent it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Method.
    pub method: &'a str,
    /// Request target: path and query, percent-encoded.
    pub target: &'a str,
    /// The app's path base: empty, or beginning with a slash and without one at the end.
    pub base: &'a str,
    /// `HTTP/1.1`.
    pub protocol: &'a str,
    /// Looks a header field up: takes a name whose case does not count and in which `_` stands for `-`
    /// or `_`, and gives the values joined with `, `.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// Facts of the connection.
    pub connection: Connection,
    /// The app's folder.
    pub files: &'a dyn FileSystem,
}

/// Facts of the connection that a request came over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Whether it is encrypted.
    pub https: bool,
    /// The client's address.
    pub remote: Option<SocketAddr>,
    /// The address that the client connected to.
    pub local: Option<SocketAddr>,
}
