//! The status codes of the hosting libraries, each with a sentence. Unknown ones are kept as numbers.

use std::fmt;

/// A status code of `hostfxr` or `hostpolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostStatus(pub i32);

/// Number, name as .NET documents it, and what it means.
const KNOWN: [(u32, &str, &str); 38] = [
    (0, "Success", "it succeeded"),
    (1, "Success_HostAlreadyInitialized", "another host context is already initialized"),
    (
        2,
        "Success_DifferentRuntimeProperties",
        "another host context with other properties is already initialized",
    ),
    (0x8000_8081, "InvalidArgFailure", "the hosting library was given an invalid argument"),
    (
        0x8000_8082,
        "CoreHostLibLoadFailure",
        "a hosting library or one of its dependencies could not be loaded",
    ),
    (
        0x8000_8083,
        "CoreHostLibMissingFailure",
        "a hosting library is missing; the installation is not complete",
    ),
    (0x8000_8084, "CoreHostEntryPointFailure", "a hosting library lacks a required function"),
    (
        0x8000_8085,
        "CoreHostCurHostFindFailure",
        "the installation could not be found from the hosting library's place",
    ),
    (0x8000_8087, "CoreClrResolveFailure", "the runtime library libcoreclr.so was not found"),
    (0x8000_8088, "CoreClrBindFailure", "the runtime library libcoreclr.so could not be loaded"),
    (0x8000_8089, "CoreClrInitFailure", "the runtime could not be initialized"),
    (0x8000_808a, "CoreClrExeFailure", "the runtime could not execute the app"),
    (0x8000_808b, "ResolverInitFailure", "a .deps.json file is missing or broken"),
    (0x8000_808c, "ResolverResolveFailure", "a file that a .deps.json lists was not found"),
    (0x8000_808d, "LibHostCurExeFindFailure", "the path of the running program could not be determined"),
    (
        0x8000_808e,
        "LibHostInitFailure",
        "hostfxr and hostpolicy do not fit together; the installation is damaged",
    ),
    (0x8000_8090, "LibHostExecModeFailure", "the execution mode is not supported"),
    (0x8000_8091, "LibHostSdkFindFailure", "it was taken for an SDK command, and no SDK was found"),
    (0x8000_8092, "LibHostInvalidArgs", "the arguments for the app could not be understood"),
    (0x8000_8093, "InvalidConfigFile", "the app's .runtimeconfig.json is invalid"),
    (0x8000_8094, "AppArgNotRunnable", "the arguments name no app that can be run"),
    (0x8000_8095, "AppHostExeNotBoundFailure", "the executable is not bound to an app"),
    (0x8000_8096, "FrameworkMissingFailure", "a framework that the app wants is not installed"),
    (0x8000_8097, "HostApiFailed", "a function of the hosting library failed"),
    (0x8000_8098, "HostApiBufferTooSmall", "a buffer was too small"),
    (0x8000_8099, "LibHostUnknownCommand", "the command is unknown"),
    (0x8000_809a, "AppPathFindFailure", "the app's main assembly does not exist"),
    (0x8000_809b, "SdkResolveFailure", "it was taken for an SDK command, and no SDK was found"),
    (0x8000_809c, "FrameworkCompatFailure", "the app's framework references contradict each other"),
    (0x8000_809d, "FrameworkCompatRetry", "framework references must be read again"),
    (0x8000_809e, "AppHostExeNotBundle", "the executable is not a bundle"),
    (0x8000_809f, "BundleExtractionFailure", "the single-file bundle is damaged"),
    (0x8000_80a0, "BundleExtractionIOError", "the single-file bundle could not be extracted"),
    (
        0x8000_80a1,
        "LibHostDuplicateProperty",
        "the .runtimeconfig.json sets a property that the host sets itself",
    ),
    (0x8000_80a2, "HostApiUnsupportedVersion", "the hosting library is too old for this"),
    (0x8000_80a3, "HostInvalidState", "the runtime has already been started in this process"),
    (0x8000_80a4, "HostPropertyNotFound", "there is no such runtime property"),
    (0x8000_80a5, "HostIncompatibleConfig", "the configuration does not fit the running runtime"),
];

impl HostStatus {
    /// Whether the call succeeded.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// A framework is not installed, or the references contradict each other.
    #[must_use]
    pub fn is_framework(self) -> bool {
        matches!(self.0.cast_unsigned(), 0x8000_8096 | 0x8000_809c)
    }

    /// A hosting or runtime library could not be found, loaded or used.
    #[must_use]
    pub fn is_host_load(self) -> bool {
        matches!(
            self.0.cast_unsigned(),
            0x8000_8082..=0x8000_8085 | 0x8000_8087 | 0x8000_8088 | 0x8000_808e | 0x8000_80a2
        )
    }

    /// The name that .NET documents, if the code is known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(_, name, _)| *name)
    }

    /// One plain clause, without a full stop.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.known()
            .map_or("the hosting library reported a code that is not known here", |(_, _, meaning)| meaning)
    }

    fn known(self) -> Option<&'static (u32, &'static str, &'static str)> {
        KNOWN.iter().find(|(code, _, _)| *code == self.0.cast_unsigned())
    }
}

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)?;
        self.name().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes() {
        let missing = HostStatus(0x8000_8096_u32.cast_signed());
        assert_eq!(missing.to_string(), "0x80008096 FrameworkMissingFailure");
        assert!(missing.is_framework() && !missing.is_host_load() && !missing.is_success());
        assert!(HostStatus(0x8000_8083_u32.cast_signed()).is_host_load());
        assert!(HostStatus(1).is_success());
        let unknown = HostStatus(0x8000_ffff_u32.cast_signed());
        assert_eq!((unknown.to_string().as_str(), unknown.name()), ("0x8000ffff", None));
    }

    #[test]
    fn the_table_is_ascending() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
    }
}
