//! Whether an app checks the pairing token. Those that never load the assembly which does are reachable for every user of
//! this machine who finds their port, and it is said once.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use memchr::memmem::Finder;

/// What checks the token.
const ASSEMBLY: &str = "Microsoft.AspNetCore.Server.IISIntegration.dll";
/// What an executable is searched in, in bytes.
const PIECE: usize = 1 << 20;

/// Whether the process has the assembly that checks the token; `None` if that cannot be known. May read the whole
/// executable.
pub(super) fn is_enforced(pid: u32) -> Option<bool> {
    if maps_assembly(pid).ok()? {
        return Some(true);
    }
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    if executable.file_name()? == "dotnet" {
        return Some(false);
    }
    // A single file holds the app's assemblies, with their names.
    holds_name(Path::new(&format!("/proc/{pid}/exe"))).ok()
}

fn maps_assembly(pid: u32) -> io::Result<bool> {
    let maps = BufReader::new(File::open(format!("/proc/{pid}/maps"))?);
    for line in maps.split(b'\n') {
        if line?.ends_with(ASSEMBLY.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds_name(file: &Path) -> io::Result<bool> {
    let mut file = File::open(file)?;
    let finder = Finder::new(ASSEMBLY);
    let mut piece: Vec<u8> = Vec::new();
    loop {
        // The end of the piece before may be the name's beginning.
        let kept = piece.len().min(ASSEMBLY.len());
        piece.drain(..piece.len() - kept);
        if file.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            return Ok(false);
        }
        if finder.find(&piece).is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app");
        for before in [0, 1, PIECE - 1, PIECE - 10, PIECE, PIECE + 7, 2 * PIECE - ASSEMBLY.len()] {
            let bytes = [vec![b'M'; before], ASSEMBLY.as_bytes().to_vec(), vec![0; 100]].concat();
            fs::write(&file, &bytes).unwrap();
            assert!(holds_name(&file).unwrap(), "{before}");
            fs::write(&file, &bytes[..before + ASSEMBLY.len() - 1]).unwrap();
            assert!(!holds_name(&file).unwrap(), "{before}");
        }
    }

    #[test]
    fn a_process_that_is_no_app_does_not_check() {
        // This test holds the name itself, so that only the first part can be asked.
        assert!(!maps_assembly(std::process::id()).unwrap());
        assert_eq!(is_enforced(u32::MAX), None);
    }
}
