//! The environment an app gets: what is inherited, what `web.config` says, what the host computes.
//!
//! Names in the host's own table are compared without regard to case, as on Windows; values may refer to
//! inherited variables with `%NAME%`.

use crate::expand::expand;

/// The worker's environment before the app's own variables, and questions to it.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    variables: Vec<(String, String)>,
}

/// Where the parts of the app's environment come from. Later lists overlay earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Inherited variables that are the host's own affair: the app has them only if they are set anew.
    pub withheld: &'a [&'a str],
    /// What the host sets on the worker itself: `web.config` may replace it.
    pub worker: &'a [(String, String)],
    /// `environmentVariables` of `web.config`.
    pub configured: &'a [(String, String)],
    /// What the host computes for the app: replaces `configured`.
    pub computed: &'a [(String, String)],
    /// What the command line asks for: replaces everything.
    pub forced: &'a [(String, String)],
}

/// What to change in the inherited environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names to remove, before setting: what is withheld, and other spellings of names that are set.
    pub remove: Vec<String>,
    /// Names and values to set; names are unique.
    pub set: Vec<(String, String)>,
}

impl Changes {
    /// What a variable, in whatever spelling, is set to.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set.iter().find(|(known, _)| same(known, name)).map(|(_, value)| value.as_str())
    }
}

/// Names that the system reads in exactly one spelling: a `Path` in a file written on Windows must not
/// take the place of `PATH`.
const SYSTEM: &[&str] = &["PATH", "HOME", "USER", "SHELL", "TMPDIR", "LANG", "TZ", "TERM", "PWD"];

impl Inherited {
    /// The inherited variables, those with text that is not Unicode left out.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect() }
    }

    /// The value of a variable: in this spelling, or else in any.
    pub fn get(&self, name: &str) -> Option<&str> {
        let exact = self.variables.iter().find(|(known, _)| known == name);
        let found = exact.or_else(|| self.variables.iter().find(|(known, _)| same(known, name)));
        found.map(|(_, value)| value.as_str())
    }

    /// `text` with references to these variables expanded.
    pub fn expand(&self, text: &str) -> String {
        expand(text, |name| self.get(name).map(str::to_owned))
    }

    /// The same without these, in whatever spelling.
    #[must_use]
    fn without(mut self, names: &[&str]) -> Self {
        self.variables.retain(|(known, _)| !names.iter().any(|name| same(known, name)));
        self
    }

    /// The same with these set over it.
    #[must_use]
    pub fn with(mut self, variables: &[(String, String)]) -> Self {
        for (name, value) in variables {
            put(&mut self.variables, name, value.clone());
        }
        self
    }
}

/// The app's environment as changes to the inherited one.
pub fn app_environment(inherited: &Inherited, parts: Parts<'_>) -> Changes {
    let worker = inherited.clone().without(parts.withheld).with(parts.worker);
    let mut table: Vec<(String, String)> = Vec::new();
    for (name, value) in parts.configured.iter().chain(parts.computed) {
        put(&mut table, name, value.clone());
    }
    let prefer_inherited = worker.get("ANCM_PREFER_ENVIRONMENT_VARIABLES").is_some_and(is_on);
    let mut set = parts.worker.to_vec();
    for (name, value) in table {
        let value = match worker.get(&name) {
            Some(inherited) if prefer_inherited => inherited.to_owned(),
            _ => worker.expand(&value),
        };
        put(&mut set, &name, value);
    }
    for (name, value) in parts.forced {
        put(&mut set, name, value.clone());
    }
    let removed = |known: &String| {
        if set.iter().any(|(name, _)| name == known) {
            return false;
        }
        let withheld = parts.withheld.iter().any(|name| same(name, known));
        let other_spelling =
            !SYSTEM.contains(&known.as_str()) && set.iter().any(|(name, _)| same(name, known));
        withheld || other_spelling
    };
    let names = inherited.variables.iter().map(|(name, _)| name.clone());
    Changes { remove: names.filter(removed).collect(), set }
}

/// Whether clients may see exceptions and the app's last output.
///
/// Each variable is looked up in the worker's environment first and in `web.config` second: the opposite
/// of what the app itself sees, as in the original.
pub fn detailed_errors(worker: &Inherited, configured: &[(String, String)]) -> bool {
    let get = |name: &str| {
        let configured =
            || configured.iter().find(|(known, _)| same(known, name)).map(|(_, value)| value.as_str());
        worker.get(name).or_else(configured)
    };
    let development = |name| get(name).is_some_and(|value| value.eq_ignore_ascii_case("Development"));
    get("ASPNETCORE_DETAILEDERRORS").is_some_and(is_on)
        || development("ASPNETCORE_ENVIRONMENT")
        || development("DOTNET_ENVIRONMENT")
}

fn is_on(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Sets a variable, replacing one of the same name in any case.
fn put(variables: &mut Vec<(String, String)>, name: &str, value: String) {
    variables.retain(|(known, _)| !same(known, name) || (SYSTEM.contains(&known.as_str()) && known != name));
    variables.push((name.to_owned(), value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn changes(inherited: &[(&str, &str)], worker: &[(&str, &str)], configured: &[(&str, &str)]) -> Changes {
        let parts = Parts {
            withheld: &["ASPNETCORE_URLS"],
            worker: &list(worker),
            configured: &list(configured),
            computed: &list(&[("ASPNETCORE_IIS_HTTPAUTH", "anonymous;")]),
            forced: &list(&[]),
        };
        app_environment(&Inherited::new(list(inherited)), parts)
    }

    #[test]
    fn configured_beats_inherited_and_computed_beats_configured() {
        let made = changes(
            &[("A", "inherited"), ("HOME", "/home/shop")],
            &[("ASPNETCORE_IIS_VERSION", "0.1")],
            &[("A", "%HOME%/x"), ("aspnetcore_iis_httpauth", "mine"), ("ASPNETCORE_IIS_VERSION", "mine")],
        );
        assert_eq!(made.remove, Vec::<String>::new());
        assert_eq!(
            made.set,
            list(&[
                ("A", "/home/shop/x"),
                ("ASPNETCORE_IIS_VERSION", "mine"),
                ("ASPNETCORE_IIS_HTTPAUTH", "anonymous;")
            ])
        );
    }

    #[test]
    fn inherited_is_preferred_on_request_and_then_not_expanded() {
        for (flag, value) in [("1", "%B%"), ("TRUE", "%B%"), ("yes", "b")] {
            let inherited = [("ANCM_PREFER_ENVIRONMENT_VARIABLES", flag), ("A", "%B%"), ("B", "b")];
            let made = changes(&inherited, &[], &[("A", "%B%"), ("C", "%b%%D%")]);
            assert_eq!(made.set[0], ("A".to_owned(), value.to_owned()), "{flag}");
            assert_eq!(made.set[1], ("C".to_owned(), "b%D%".to_owned()));
        }
    }

    #[test]
    fn other_spellings_go_but_the_systems_stay() {
        let made = changes(
            &[("connection", "x"), ("PATH", "/bin")],
            &[],
            &[("Connection", "y"), ("Path", "%PATH%:/x")],
        );
        assert_eq!(made.remove, ["connection"]);
        assert_eq!(made.set[1], ("Path".to_owned(), "/bin:/x".to_owned()));
    }

    #[test]
    fn what_is_withheld_is_not_inherited_but_may_be_set() {
        let inherited = [
            ("aspnetcore_urls", "http://x"),
            ("ASPNETCORE_URLS", "http://y"),
            ("ANCM_PREFER_ENVIRONMENT_VARIABLES", "1"),
        ];
        let made = changes(&inherited, &[], &[("A", "%ASPNETCORE_URLS%")]);
        assert_eq!(made.remove, ["aspnetcore_urls", "ASPNETCORE_URLS"]);
        assert_eq!(made.get("a"), Some("%ASPNETCORE_URLS%"));
        let made = changes(&inherited, &[], &[("ASPNETCORE_URLS", "http://z")]);
        assert_eq!(made.remove, ["aspnetcore_urls"]);
        assert_eq!(made.get("AspNetCore_Urls"), Some("http://z"));
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let parts = Parts {
            withheld: &[],
            worker: &[],
            configured: &list(&[("ASPNETCORE_ENVIRONMENT", "Production")]),
            computed: &[],
            forced: &list(&[("ASPNETCORE_ENVIRONMENT", "%X%")]),
        };
        let made = app_environment(&Inherited::new(list(&[("X", "x")])), parts);
        assert_eq!(made.set, list(&[("ASPNETCORE_ENVIRONMENT", "%X%")]));
    }

    #[test]
    fn when_clients_may_see_details() {
        for (inherited, configured, expected) in [
            (("X", "1"), ("X", "1"), false),
            (("ASPNETCORE_DETAILEDERRORS", "true"), ("X", ""), true),
            (("ASPNETCORE_DETAILEDERRORS", "yes"), ("X", ""), false),
            (("X", ""), ("aspnetcore_environment", "development"), true),
            (("X", ""), ("DOTNET_ENVIRONMENT", "Development"), true),
            (("ASPNETCORE_ENVIRONMENT", "Production"), ("ASPNETCORE_ENVIRONMENT", "Development"), false),
        ] {
            let found = detailed_errors(&Inherited::new(list(&[inherited])), &list(&[configured]));
            assert_eq!(found, expected, "{inherited:?} {configured:?}");
        }
    }
}
