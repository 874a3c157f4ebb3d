//! Just enough of ELF and PE headers to tell what a file is. Reads a few hundred bytes, never loads anything.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {
    /// ELF for this process's class and machine.
    Native,
    /// ELF for another one.
    Foreign(&'static str),
    /// A Windows executable or library.
    Pe {
        /// Whether it holds managed code.
        managed: bool,
    },
    /// Anything else.
    Other,
}

/// The name of this process's machine as .NET spells it.
pub const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
const ELF_MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Looks at the beginning of a file.
///
/// # Errors
/// It cannot be read.
pub fn look(path: &Path) -> io::Result<Executable> {
    let mut file = File::open(path)?;
    let mut head = Vec::with_capacity(64);
    file.by_ref().take(64).read_to_end(&mut head)?;
    if let Some(class) = head.strip_prefix(b"\x7fELF").and_then(|rest| rest.first()) {
        let machine = u16_at(&head, 18).unwrap_or(0);
        return Ok(match (class, machine) {
            (2, ELF_MACHINE) => Executable::Native,
            (_, 3) => Executable::Foreign("x86"),
            (_, 40) => Executable::Foreign("arm"),
            (_, 62) => Executable::Foreign("x64"),
            (_, 183) => Executable::Foreign("arm64"),
            _ => Executable::Foreign("another machine"),
        });
    }
    if head.starts_with(b"MZ") {
        return Ok(Executable::Pe { managed: has_clr_header(&mut file, &head)? });
    }
    Ok(Executable::Other)
}

/// Whether the PE file's 15th data directory, the CLR header, is there.
fn has_clr_header(file: &mut File, head: &[u8]) -> io::Result<bool> {
    let Some(offset) = u32_at(head, 60) else { return Ok(false) };
    file.seek(SeekFrom::Start(u64::from(offset)))?;
    let mut pe = Vec::with_capacity(256);
    file.take(256).read_to_end(&mut pe)?;
    if !pe.starts_with(b"PE\0\0") {
        return Ok(false);
    }
    // The optional header begins after the signature (4) and the file header (20); its magic tells its width.
    let directories = match u16_at(&pe, 24) {
        Some(0x10b) => 24 + 96,
        Some(0x20b) => 24 + 112,
        _ => return Ok(false),
    };
    let count = u32_at(&pe, directories - 4).unwrap_or(0);
    let address = u32_at(&pe, directories + 14 * 8).unwrap_or(0);
    Ok(count > 14 && address != 0)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub(crate) mod samples {
    //! Files that look like executables, for tests of this folder.

    /// The beginning of a 64-bit ELF file for `machine`.
    pub(crate) fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    /// An ELF file of this process's machine.
    pub(crate) fn native() -> Vec<u8> {
        elf(super::ELF_MACHINE)
    }

    /// An ELF file of another machine.
    pub(crate) fn foreign() -> Vec<u8> {
        elf(if super::ELF_MACHINE == 62 { 183 } else { 62 })
    }

    /// The headers of a 32-bit PE library, with or without a CLR header.
    pub(crate) fn pe(managed: bool) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 256];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[60] = 64;
        bytes[64..68].copy_from_slice(b"PE\0\0");
        bytes[64 + 24..64 + 26].copy_from_slice(&0x10bu16.to_le_bytes());
        bytes[64 + 24 + 92] = 16;
        bytes[64 + 24 + 96 + 14 * 8 + 1] = u8::from(managed) * 0x20;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let cases: [(&[u8], Executable); 8] = [
            (&samples::native(), Executable::Native),
            (&samples::elf(40), Executable::Foreign("arm")),
            (b"\x7fELF\x01", Executable::Foreign("another machine")),
            (&samples::pe(true), Executable::Pe { managed: true }),
            (&samples::pe(false), Executable::Pe { managed: false }),
            (b"MZ", Executable::Pe { managed: false }),
            (b"#!/bin/sh\n", Executable::Other),
            (b"", Executable::Other),
        ];
        for (bytes, expected) in cases {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(look(&path).unwrap(), expected, "{bytes:?}");
        }
    }
}
