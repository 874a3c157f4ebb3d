//! The runtime properties that bring the managed server into an unmodified app.

use std::path::Path;

use super::context::{Context, Initialized};
use super::start_error::StartError;

/// The runtime property that lists startup hooks, separated by `:`.
const STARTUP_HOOKS: &str = "STARTUP_HOOKS";
/// The runtime property with the decimal address of the function table.
const HOST_TABLE: &str = "MEWS_HOST_TABLE";

/// Sets `STARTUP_HOOKS` (the managed server first, then what the app's environment or configuration asks for),
/// `MEWS_HOST_TABLE`, and the properties of `more`.
///
/// hostfxr has already put `DOTNET_STARTUP_HOOKS` into the property; the environment variable itself is left
/// alone, so that children of the app see what they would see anywhere else, and never the managed server.
///
/// # Errors
/// A value cannot be handed over.
pub fn start_properties(
    context: &mut Context<Initialized>,
    server: &Path,
    table_address: usize,
    more: &[(String, String)],
) -> Result<(), StartError> {
    let hooks = hooks(server, context.property(STARTUP_HOOKS)?.as_deref())?;
    context.set_property(STARTUP_HOOKS, &hooks)?;
    context.set_property(HOST_TABLE, &table_address.to_string())?;
    more.iter().try_for_each(|(name, value)| context.set_property(name, value))
}

fn hooks(server: &Path, existing: Option<&str>) -> Result<String, StartError> {
    let refuse = |why: &str| StartError::Value {
        what: format!("the path of the managed server, {}", server.display()),
        why: why.to_owned(),
    };
    let server = server.to_str().ok_or_else(|| refuse("it is not UTF-8"))?;
    if server.contains(':') {
        return Err(refuse("it holds a colon, which separates startup hooks"));
    }
    if !server.starts_with('/') {
        return Err(refuse("it is not a full path"));
    }
    Ok(match existing.filter(|hooks| !hooks.is_empty()) {
        Some(existing) => format!("{server}:{existing}"),
        None => server.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_comes_first_and_nothing_is_lost() {
        let server = Path::new("/usr/lib/mews/Mews.Server.dll");
        assert_eq!(hooks(server, None).unwrap(), "/usr/lib/mews/Mews.Server.dll");
        assert_eq!(hooks(server, Some("")).unwrap(), "/usr/lib/mews/Mews.Server.dll");
        assert_eq!(hooks(server, Some("/a.dll:B")).unwrap(), "/usr/lib/mews/Mews.Server.dll:/a.dll:B");
    }

    #[test]
    fn a_path_the_runtime_would_misread_is_refused() {
        assert!(hooks(Path::new("/a:b/Mews.Server.dll"), None).is_err());
        assert!(hooks(Path::new("Mews.Server.dll"), None).is_err());
    }
}
