//! Deciding whether a request may pass.

use super::config::{Listed, RequestFiltering};
use crate::rewrite::path::{Target, canonical, decode};
use crate::rewrite::{FileKind, FileSystem};
use crate::status::StatusCode;

/// Names that IIS hides. They count only where the app's folder has such a file or folder.
const HIDDEN: &[&str] = &[
    "web.config",
    "bin",
    "App_code",
    "App_GlobalResources",
    "App_LocalResources",
    "App_WebReferences",
    "App_Data",
    "App_Browsers",
];

/// Endings of files that IIS does not serve. They count only where the app's folder has such a file.
const DENIED: &[&str] = &[
    ".ad",
    ".adprototype",
    ".asax",
    ".ascx",
    ".browser",
    ".cd",
    ".compiled",
    ".config",
    ".cs",
    ".csproj",
    ".dd",
    ".dsdgm",
    ".dsprototype",
    ".exclude",
    ".java",
    ".jsl",
    ".ldb",
    ".ldd",
    ".lddprototype",
    ".ldf",
    ".licx",
    ".lsad",
    ".lsaprototype",
    ".master",
    ".mdb",
    ".mdf",
    ".msgx",
    ".refresh",
    ".resources",
    ".resx",
    ".rules",
    ".sd",
    ".sdm",
    ".sdmdocument",
    ".sitemap",
    ".skin",
    ".ssdgm",
    ".ssmap",
    ".vb",
    ".vbproj",
    ".vjsproj",
    ".vsdisco",
    ".webinfo",
];

/// Endings of what `dotnet publish` puts beside an app, treated in the same way.
const PUBLISHED: &[&str] = &[".deps.json", ".dll", ".pdb", ".runtimeconfig.json"];

/// What is looked at of a request.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Method.
    pub method: &'a str,
    /// Request target, as sent.
    pub target: &'a str,
    /// The app's path base: empty, or beginning with a slash and without one at the end.
    pub base: &'a str,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// Bytes of a header's values, by its name in any case; `None` when it was not sent.
    pub header_size: &'a dyn Fn(&str) -> Option<usize>,
    /// The app's folder.
    pub files: &'a dyn FileSystem,
}

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What it is answered with.
    pub code: StatusCode,
    /// One sentence, of which the client sees every word.
    pub cause: String,
}

fn refuse(number: u16, sub_status: u16, cause: impl Into<String>) -> Option<Rejection> {
    Some(Rejection { code: StatusCode::new(number, sub_status), cause: cause.into() })
}

impl RequestFiltering {
    /// The first rule that a request breaks.
    pub fn check(&self, facts: &Facts<'_>) -> Option<Rejection> {
        self.check_method(facts).or_else(|| self.check_sizes(facts)).or_else(|| {
            let target = Target::parse(facts.target)?;
            self.check_lengths(&target).or_else(|| self.check_path(facts, &target))
        })
    }

    fn check_method(&self, facts: &Facts<'_>) -> Option<Rejection> {
        let allowed = listed(&self.verbs.listed, facts.method).unwrap_or(self.verbs.allow_unlisted);
        if allowed { None } else { refuse(404, 6, "The method of the request is not allowed here.") }
    }

    fn check_sizes(&self, facts: &Facts<'_>) -> Option<Rejection> {
        for limit in &self.limits.headers {
            if (facts.header_size)(&limit.name).is_some_and(|size| size > limit.size_limit as usize) {
                let (name, most) = (&limit.name, limit.size_limit);
                return refuse(431, 0, format!("The header {name} is longer than {most} bytes."));
            }
        }
        let most = self.limits.max_content_length;
        if facts.content_length.is_some_and(|length| length > most) {
            return refuse(404, 13, format!("The request body is longer than {most} bytes."));
        }
        None
    }

    fn check_lengths(&self, target: &Target<'_>) -> Option<Rejection> {
        let longer = |text: &str, most: u32| u32::try_from(text.len()).is_ok_and(|length| length > most);
        let most = self.limits.max_url;
        if longer(target.path, most) {
            return refuse(404, 14, format!("The path of the URL is longer than {most} bytes."));
        }
        let most = self.limits.max_query_string;
        if longer(target.query.unwrap_or_default(), most) {
            return refuse(404, 15, format!("The query of the URL is longer than {most} bytes."));
        }
        None
    }

    fn check_path(&self, facts: &Facts<'_>, target: &Target<'_>) -> Option<Rejection> {
        let once = decode(target.path);
        if !self.allow_double_escaping && decode(&once) != once {
            return refuse(404, 11, "The path of the URL is percent-encoded twice.");
        }
        if !self.allow_high_bit_characters && !once.is_ascii() {
            return refuse(404, 12, "The path of the URL holds characters that are not ASCII.");
        }
        let path = canonical(target.path);
        let query = target.query.unwrap_or_default();
        if !self.always_allowed_query_strings.iter().any(|allowed| allowed.eq_ignore_ascii_case(query)) {
            let unescaped = decode(query);
            let found =
                |text: &str| self.deny_query_string_sequences.iter().any(|denied| contains(text, denied));
            if found(query) || (self.unescape_query_string && found(&unescaped)) {
                return refuse(404, 18, "The query of the URL holds a text that is denied.");
            }
        }
        if self.always_allowed_urls.iter().any(|allowed| allowed.eq_ignore_ascii_case(&path)) {
            return None;
        }
        // Also before dot segments are removed: "..", for one, is a usual entry.
        let denied = |denied: &String| contains(&path, denied) || contains(&once, denied);
        if self.deny_url_sequences.iter().any(denied) {
            return refuse(404, 5, "The path of the URL holds a text that is denied.");
        }
        let below = crate::rewrite::below(&path, &canonical(facts.base)).unwrap_or(&path);
        self.check_segments(facts, below).or_else(|| self.check_extension(facts, below))
    }

    fn check_segments(&self, facts: &Facts<'_>, path: &str) -> Option<Rejection> {
        let lists = &self.hidden_segments;
        let mut end = 0;
        for segment in path.split('/') {
            end += segment.len();
            let is = |name: &String| name.eq_ignore_ascii_case(segment);
            let default = lists.defaults
                && HIDDEN.iter().any(|name| name.eq_ignore_ascii_case(segment))
                && !lists.removed.iter().any(is);
            let own = || path.get(..end).is_some_and(|path| exists(facts, path));
            if lists.added.iter().any(is) || (default && own()) {
                return refuse(404, 8, "A part of the URL is hidden.");
            }
            end += 1;
        }
        None
    }

    fn check_extension(&self, facts: &Facts<'_>, path: &str) -> Option<Rejection> {
        let lists = &self.file_extensions;
        let name = path.rsplit('/').next().unwrap_or_default();
        let dot = name.rfind('.');
        let extension = dot.and_then(|dot| name.get(dot..)).unwrap_or(".");
        let refused = || refuse(404, 7, "The file name extension of the URL is denied.");
        match listed(&lists.added, extension) {
            Some(true) => return None,
            Some(false) => return refused(),
            None => {}
        }
        // Some take a name with a slash behind it for the file.
        let file = path.trim_end_matches('/');
        let has_dot = file.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let ends_with = |denied: &str| {
            let end = file.len().checked_sub(denied.len()).and_then(|at| file.get(at..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(denied))
        };
        let is_removed = lists.removed.iter().any(|removed| {
            let extension = file.rfind('.').and_then(|dot| file.get(dot..));
            extension.is_some_and(|extension| removed.eq_ignore_ascii_case(extension))
        });
        let default = has_dot
            && lists.defaults
            && !is_removed
            && DENIED.iter().chain(PUBLISHED).any(|denied| ends_with(denied));
        let names_it = || file == path || facts.files.kind(file) == Some(FileKind::File);
        if default && exists(facts, file) && names_it() {
            return refused();
        }
        // Paths that end in a slash name no file.
        if !lists.allow_unlisted && !name.is_empty() { refused() } else { None }
    }
}

fn exists(facts: &Facts<'_>, path: &str) -> bool {
    !path.contains('\0') && facts.files.kind(path).is_some()
}

fn listed(list: &[Listed], name: &str) -> Option<bool> {
    list.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(|entry| entry.allowed)
}

fn contains(text: &str, denied: &str) -> bool {
    !denied.is_empty() && text.to_lowercase().contains(&denied.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filtering::{FileExtensions, HeaderLimit, HiddenSegments, Verbs};

    struct Folder;

    impl FileSystem for Folder {
        fn root(&self) -> &str {
            "/srv/shop"
        }

        fn kind(&self, path: &str) -> Option<FileKind> {
            let files = ["/web.config", "/Shop.dll", "/shop.deps.json", "/views/page.cs", "/bin"];
            files.iter().any(|file| file.eq_ignore_ascii_case(path)).then_some(FileKind::File)
        }
    }

    fn ask(filtering: &RequestFiltering, method: &str, target: &str) -> Option<(u16, u16)> {
        let header_size = |name: &str| name.eq_ignore_ascii_case("cookie").then_some(100);
        let facts = Facts {
            method,
            target,
            base: "/app",
            content_length: Some(10),
            header_size: &header_size,
            files: &Folder,
        };
        let rejection = filtering.check(&facts)?;
        assert!(rejection.cause.ends_with('.'));
        Some((rejection.code.number, rejection.code.sub_status))
    }

    fn get(filtering: &RequestFiltering, target: &str) -> Option<(u16, u16)> {
        ask(filtering, "GET", target)
    }

    fn denied(names: &[&str]) -> Vec<Listed> {
        names.iter().map(|name| Listed { name: (*name).to_owned(), allowed: false }).collect()
    }

    #[test]
    fn the_apps_own_files_are_protected() {
        let default = RequestFiltering::default();
        for target in [
            "/web.config",
            "/WEB.CONFIG",
            "/app/web.config",
            "/a/..%2fweb.config",
            "/a/%2e%2e/web%2Econfig",
            "/bin",
            "/app/bin/x.txt",
            "\\web.config",
        ] {
            assert_eq!(get(&default, &target.replace('\\', "/")), Some((404, 8)), "{target}");
        }
        for target in [
            "/Shop.dll",
            "/app/SHOP.DLL?x",
            "/shop.deps.json",
            "/views/page.cs",
            "/SHOP.dll/.",
            "/Shop.dll/",
            "/views/page.cs/%2e//",
        ] {
            assert_eq!(get(&default, target), Some((404, 7)), "{target}");
        }
        // What the app itself has under such a name is its own business.
        for target in [
            "/App_Data",
            "/reports/bin",
            "/other.dll",
            "/_framework/blazor.dll",
            "/x.config",
            "/",
            "*",
            "/%252e",
        ] {
            assert_eq!(get(&default, target), None, "{target}");
        }
        let mut removed = default.clone();
        removed.hidden_segments.removed = vec!["BIN".to_owned()];
        assert_eq!(get(&removed, "/bin"), None);
        removed.hidden_segments.defaults = false;
        removed.file_extensions.removed = vec![".dll".to_owned()];
        assert_eq!(get(&removed, "/web.config"), Some((404, 7)));
        assert_eq!(get(&removed, "/Shop.dll"), None);
    }

    #[test]
    fn own_lists_always_count() {
        let filtering = RequestFiltering {
            hidden_segments: HiddenSegments { added: vec!["secret".to_owned()], ..HiddenSegments::default() },
            file_extensions: FileExtensions { added: denied(&[".bak", "."]), ..FileExtensions::default() },
            verbs: Verbs { allow_unlisted: true, listed: denied(&["TRACE"]) },
            deny_url_sequences: vec!["..".to_owned(), ":".to_owned()],
            deny_query_string_sequences: vec!["<script".to_owned()],
            always_allowed_urls: vec!["/a:b".to_owned()],
            ..RequestFiltering::default()
        };
        assert_eq!(get(&filtering, "/a/Secret/b.x"), Some((404, 8)));
        assert_eq!(get(&filtering, "/x.BAK"), Some((404, 7)));
        assert_eq!(get(&filtering, "/x"), Some((404, 7)));
        assert_eq!(get(&filtering, "/x.html"), None);
        assert_eq!(ask(&filtering, "trace", "/x.html"), Some((404, 6)));
        assert_eq!(get(&filtering, "/a/../x.html"), Some((404, 5)));
        assert_eq!(get(&filtering, "/a%3Ab.x"), Some((404, 5)));
        assert_eq!(get(&filtering, "/a:b"), None);
        assert_eq!(get(&filtering, "/x.html?q=%3CScript"), Some((404, 18)));
        let only = RequestFiltering {
            verbs: Verbs {
                allow_unlisted: false,
                listed: vec![Listed { name: "GET".to_owned(), allowed: true }],
            },
            file_extensions: FileExtensions { allow_unlisted: false, ..FileExtensions::default() },
            ..RequestFiltering::default()
        };
        assert_eq!(ask(&only, "POST", "/"), Some((404, 6)));
        assert_eq!(get(&only, "/x.html"), Some((404, 7)));
        assert_eq!(get(&only, "/folder/"), None);
    }

    #[test]
    fn limits_are_the_greatest_that_pass() {
        let mut element = RequestFiltering::element();
        element.limits.max_url = 5;
        element.limits.max_query_string = 3;
        assert_eq!(get(&element, "/1234?abc"), None);
        assert_eq!(get(&element, "/12345"), Some((404, 14)));
        assert_eq!(get(&element, "/?abcd"), Some((404, 15)));
        element.limits.max_content_length = 10;
        assert_eq!(get(&element, "/"), None);
        element.limits.max_content_length = 9;
        assert_eq!(get(&element, "/"), Some((404, 13)));
        element.limits.headers = vec![HeaderLimit { name: "Cookie".to_owned(), size_limit: 99 }];
        assert_eq!(get(&element, "/"), Some((431, 0)));
        element.limits.headers[0].size_limit = 100;
        assert_eq!(get(&element, "/"), Some((404, 13)));
    }

    #[test]
    fn encodings() {
        let mut element = RequestFiltering::element();
        assert_eq!(get(&element, "/a%252e"), Some((404, 11)));
        assert_eq!(get(&element, "/a%20b"), None);
        assert_eq!(get(&element, "/%C3%A9"), None);
        element.allow_high_bit_characters = false;
        assert_eq!(get(&element, "/%C3%A9"), Some((404, 12)));
    }
}
