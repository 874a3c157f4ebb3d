//! Facts about the host for managed code: owned here, laid down once, never freed.

use super::layout::RawHostInfo;

/// Facts that never change while the process lives.
#[derive(Debug, Clone, Default)]
pub struct HostInfo {
    /// What the site has switched on.
    pub flags: HostFlags,
    /// The host's own limit for request bodies in bytes; `None` for no limit.
    pub max_request_body_size: Option<u64>,
    /// The application's folder.
    pub physical_path: String,
    /// The application's path under the site; `/` for the root.
    pub virtual_path: String,
    /// The addresses of the site, as URLs.
    pub addresses: Vec<String>,
    /// The site's name.
    pub site_name: String,
    /// The application pool's name.
    pub app_pool: String,
    /// The application's id.
    pub application_id: String,
    /// The application's configuration path.
    pub config_path: String,
    /// Mews's own version, `major.minor`.
    pub version: String,
    /// The site's number.
    pub site_id: u32,
}

/// What the site has switched on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostFlags {
    /// Windows (Kerberos) authentication.
    pub windows_authentication: bool,
    /// Basic authentication.
    pub basic_authentication: bool,
    /// Anonymous access.
    pub anonymous_authentication: bool,
    /// WebSockets.
    pub web_sockets: bool,
}

impl HostFlags {
    fn bits(self) -> u32 {
        u32::from(self.windows_authentication)
            | u32::from(self.basic_authentication) << 1
            | u32::from(self.anonymous_authentication) << 2
            | u32::from(self.web_sockets) << 3
    }
}

impl HostInfo {
    /// Lays the facts down for the life of the process.
    pub(crate) fn leak(self) -> &'static RawHostInfo {
        let physical_path = text(self.physical_path);
        let virtual_path = text(self.virtual_path);
        let addresses = text(self.addresses.join(";"));
        let site_name = text(self.site_name);
        let app_pool = text(self.app_pool);
        let application_id = text(self.application_id);
        let config_path = text(self.config_path);
        let version = text(self.version);
        Box::leak(Box::new(RawHostInfo {
            size: size_of::<RawHostInfo>() as u32,
            flags: self.flags.bits(),
            max_request_body_size: self
                .max_request_body_size
                .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)),
            physical_path: physical_path.0,
            virtual_path: virtual_path.0,
            addresses: addresses.0,
            site_name: site_name.0,
            app_pool: app_pool.0,
            application_id: application_id.0,
            config_path: config_path.0,
            version: version.0,
            physical_path_len: physical_path.1,
            virtual_path_len: virtual_path.1,
            addresses_len: addresses.1,
            site_name_len: site_name.1,
            app_pool_len: app_pool.1,
            application_id_len: application_id.1,
            config_path_len: config_path.1,
            version_len: version.1,
            site_id: self.site_id,
            reserved: 0,
        }))
    }
}

/// Leaked text as a pointer and a length. Over 4 GiB, which no configuration has, it becomes empty.
fn text(text: String) -> (*const u8, u32) {
    let bytes: &'static str = String::leak(text);
    (bytes.as_ptr(), u32::try_from(bytes.len()).unwrap_or(0))
}
