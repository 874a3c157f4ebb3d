//! A service with its keys, and the handshakes with its clients.

use std::ffi::{CString, c_int};
use std::path::PathBuf;
use std::ptr;

use super::library::{Functions, LibraryMissing, functions};
use super::owned::{OwnedContext, OwnedCredential, OwnedName, Text};
use super::raw::{self, Buffer, ChannelBindings, KeyValue, KeyValues, Oid, OidSet};
use super::status::{GssError, GssErrorKind};
use super::{c_string, import, is};

/// The attribute in which a ticket of Active Directory says whose it is, and of which groups.
const LOGON_INFO: &[u8] = b"urn:mspac:logon-info";

/// As whom clients are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptorOptions {
    /// The file with the keys; the system's (`KRB5_KTNAME`, /etc/krb5.keytab) without.
    pub keytab: Option<PathBuf>,
    /// `HTTP` for every key of that service, `HTTP@host`, or a whole principal `HTTP/host@REALM`.
    pub service: String,
}

/// Why nobody can be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptorError {
    /// There is no GSSAPI.
    #[error(transparent)]
    Library(#[from] LibraryMissing),
    /// The keys cannot be used.
    #[error("the keys of {service} in {keytab} cannot be used: {problem}")]
    Keys {
        /// The service.
        service: String,
        /// The file, or how it is found.
        keytab: String,
        /// What is wrong.
        problem: String,
    },
}

/// A service whose clients can be accepted. Shared by all handshakes.
pub struct Acceptor {
    pub(super) functions: &'static Functions,
    credential: OwnedCredential,
    pub(super) service: String,
}

/// What one token of a client led to.
pub enum Step {
    /// The client is to send another token after getting this one.
    Continue(Vec<u8>),
    /// The client is signed in.
    Accepted(Accepted),
}

/// A client that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// For the client, with the last answer; may be empty.
    pub token: Vec<u8>,
    /// Who it is.
    pub peer: Peer,
    /// The client has shown to be at the other end of this very TLS connection.
    pub channel_bound: bool,
}

/// Whom a client is signed in as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// As the mechanism writes it: `user@REALM` or `DOMAIN\user`.
    pub name: String,
    /// The account of this system that the name stands for, if there are rules for it.
    pub local: Option<String>,
    /// Signed in with NTLM, not Kerberos.
    pub ntlm: bool,
    /// `KERB_VALIDATION_INFO` in NDR, if the ticket carries it and its signature was checked.
    pub logon_info: Option<Vec<u8>>,
}

/// A handshake with one client. Dropping it ends it.
pub struct Handshake {
    context: OwnedContext,
}

impl Acceptor {
    /// Finds the keys.
    ///
    /// # Errors
    /// The library or the keys are not there.
    pub fn new(options: &AcceptorOptions) -> Result<Self, AcceptorError> {
        let functions = functions()?;
        let keys = |error: GssError| AcceptorError::Keys {
            service: options.service.clone(),
            keytab: options
                .keytab
                .as_ref()
                .map_or_else(|| "the system's keytab".to_owned(), |keytab| keytab.display().to_string()),
            problem: error.to_string(),
        };
        if let Some(keytab) = &options.keytab {
            // The library's own words for these two do not name the file.
            if let Err(error) = std::fs::File::open(keytab) {
                return Err(keys(GssError::new(
                    GssErrorKind::NoKey,
                    format!("the file cannot be read ({error})"),
                )));
            }
        }
        let credential = acquire(functions, options).map_err(keys)?;
        Ok(Self { functions, credential, service: options.service.clone() })
    }

    /// Shows a token of the client. `handshake` is what the client's first tokens led to. `binding` is what the client's
    /// token must be bound to if it is bound to anything.
    ///
    /// # Errors
    /// The client is not accepted; the handshake is over.
    pub fn accept(
        &self,
        handshake: &mut Option<Handshake>,
        token: &[u8],
        binding: Option<&[u8]>,
    ) -> Result<Step, GssError> {
        let functions = self.functions;
        let mut current =
            handshake.take().unwrap_or_else(|| Handshake { context: OwnedContext::new(functions) });
        let bindings = binding.map(|data| ChannelBindings {
            initiator_family: raw::ADDRESS_UNSPECIFIED,
            initiator_address: Buffer::EMPTY,
            acceptor_family: raw::ADDRESS_UNSPECIFIED,
            acceptor_address: Buffer::EMPTY,
            application_data: Buffer::of(data),
        });
        let bindings = bindings.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mut minor = 0;
        let mut source = OwnedName::new(functions);
        let mut mechanism: *const Oid = ptr::null();
        let mut output = Text::new(functions);
        let (mut flags, mut lifetime) = (0, 0);
        // SAFETY: every pointer is to a local, or to what `self` and `current` own, and is used during the call only;
        // what the library hands out is released by its owners. No delegated credential is asked for.
        let major = unsafe {
            (functions.accept_sec_context)(
                &mut minor,
                &mut current.context.raw,
                self.credential.raw,
                &Buffer::of(token),
                bindings,
                &mut source.raw,
                &mut mechanism,
                output.as_mut(),
                &mut flags,
                &mut lifetime,
                ptr::null_mut(),
            )
        };
        if major & raw::ERRORS != 0 || major & (raw::DUPLICATE_TOKEN | raw::OLD_TOKEN) != 0 {
            return Err(GssError::of(functions, major, minor));
        }
        if major & raw::CONTINUE_NEEDED != 0 {
            let answer = output.bytes().to_vec();
            *handshake = Some(current);
            return Ok(Step::Continue(answer));
        }
        debug_assert_eq!(major, raw::COMPLETE);
        if flags & raw::FLAG_ANONYMOUS != 0 || source.raw.is_null() {
            return Err(GssError::new(GssErrorKind::Refused, "the client does not say who it is"));
        }
        Ok(Step::Accepted(Accepted {
            token: output.bytes().to_vec(),
            peer: peer(functions, &source, mechanism)?,
            channel_bound: flags & raw::FLAG_CHANNEL_BOUND != 0,
        }))
    }
}

fn acquire(functions: &'static Functions, options: &AcceptorOptions) -> Result<OwnedCredential, GssError> {
    let kind = if options.service.contains('/') { raw::PRINCIPAL_NAME } else { raw::HOSTBASED_SERVICE };
    let name = import(functions, &options.service, kind)?;
    let keytab = options.keytab.as_ref().map(|path| c_string(&path.to_string_lossy(), "the keytab's path"));
    let keytab: Option<CString> = keytab.transpose()?;
    let pairs: Vec<KeyValue> =
        keytab.iter().map(|keytab| KeyValue { key: c"keytab".as_ptr(), value: keytab.as_ptr() }).collect();
    let store = KeyValues { count: pairs.len() as raw::Code, elements: pairs.as_ptr() };
    let store = if pairs.is_empty() { ptr::null() } else { ptr::from_ref(&store) };
    let mut credential = OwnedCredential::new(functions);
    let mut minor = 0;
    // Kerberos must be usable; NTLM comes along if it can.
    let wanted = [Oid::of(raw::KERBEROS), Oid::of(raw::SPNEGO)];
    let with_ntlm = [wanted[0], wanted[1], Oid::of(raw::NTLM)];
    let try_for = |oids: &[Oid], credential: &mut OwnedCredential, minor: &mut raw::Code| {
        let mechanisms = OidSet { count: oids.len(), elements: oids.as_ptr() };
        // SAFETY: every pointer is to a local that outlives the call, and is only read, but for the credential, which is
        // released by its owner.
        unsafe {
            (functions.acquire_cred_from)(
                minor,
                name.raw,
                raw::INDEFINITE,
                &mechanisms,
                raw::USE_ACCEPT,
                store,
                &mut credential.raw,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        }
    };
    // Kerberos alone first: with more mechanisms the library is content if any of them can be used.
    let mut kerberos = OwnedCredential::new(functions);
    let major = try_for(&wanted[..1], &mut kerberos, &mut minor);
    if major & raw::ERRORS != 0 {
        return Err(GssError::of(functions, major, minor));
    }
    let ntlm = super::offers_ntlm().unwrap_or(false);
    let oids: &[Oid] = if ntlm { &with_ntlm } else { &wanted };
    let major = try_for(oids, &mut credential, &mut minor);
    if major & raw::ERRORS != 0 { Err(GssError::of(functions, major, minor)) } else { Ok(credential) }
}

fn peer(functions: &'static Functions, name: &OwnedName, mechanism: *const Oid) -> Result<Peer, GssError> {
    let mut minor = 0;
    let mut shown = Text::new(functions);
    // SAFETY: the name is the library's own; the text is released by its owner. The name's type is not asked for.
    let major = unsafe { (functions.display_name)(&mut minor, name.raw, shown.as_mut(), ptr::null_mut()) };
    if major & raw::ERRORS != 0 {
        return Err(GssError::of(functions, major, minor));
    }
    let mut local = Text::new(functions);
    // SAFETY: as above; the mechanism is an OID of the library's own.
    let mapped = unsafe { (functions.localname)(&mut minor, name.raw, mechanism, local.as_mut()) };
    let local = (mapped & raw::ERRORS == 0).then(|| local.to_string()).filter(|local| !local.is_empty());
    let ntlm = if mechanism.is_null() {
        false
    } else {
        // SAFETY: the library answers one of its own OIDs, which are never freed.
        is(unsafe { &*mechanism }, raw::NTLM)
    };
    Ok(Peer { name: shown.to_string(), local, ntlm, logon_info: attribute(functions, name, LOGON_INFO) })
}

/// An attribute of a name, if it has it and the issuer of the ticket vouches for it.
fn attribute(functions: &'static Functions, name: &OwnedName, attribute: &[u8]) -> Option<Vec<u8>> {
    let mut minor = 0;
    let (mut authenticated, mut complete): (c_int, c_int) = (0, 0);
    // Values are enumerated with this; -1 is the start.
    let mut more: c_int = -1;
    let (mut value, mut shown) = (Text::new(functions), Text::new(functions));
    // SAFETY: every pointer is to a local that outlives the call; the texts are released by their owners.
    let major = unsafe {
        (functions.get_name_attribute)(
            &mut minor,
            name.raw,
            &Buffer::of(attribute),
            &mut authenticated,
            &mut complete,
            value.as_mut(),
            shown.as_mut(),
            &mut more,
        )
    };
    let there = major & raw::ERRORS == 0 && authenticated != 0 && !value.bytes().is_empty();
    there.then(|| value.bytes().to_vec())
}
