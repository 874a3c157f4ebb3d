//! Rotation by time and size, by one writer and by several.

use mews_model::server_config::AccessLogFormat;

use super::*;

const DAY: i64 = 86_400_000;

fn options(folder: &Path) -> AccessLog {
    AccessLog { file: folder.join("access.log"), ..AccessLog::default() }
}

fn opened(options: AccessLog, now_ms: i64) -> RotatingFile {
    let current = open(&options, now_ms).unwrap();
    RotatingFile { options, current }
}

/// The lines of all files but their headers, and how many files there are.
fn lines(folder: &Path) -> (Vec<String>, usize) {
    let mut lines = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.starts_with("#Software: ") && text.ends_with('\n'), "{text:?}");
        assert_eq!(text.matches("#Fields: ").count(), 1, "{text}");
        lines.extend(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned));
        files += 1;
    }
    lines.sort();
    (lines, files)
}

#[test]
fn a_new_day_is_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::real_ms();
    let mut file = opened(options(folder.path()), now);
    file.write_at(b"a\n", now).unwrap();
    file.write_at(b"b\n", now).unwrap();
    assert_eq!(lines(folder.path()).1, 1);
    file.write_at(b"c\n", now + DAY).unwrap();
    file.write_at(b"d\n", now + DAY).unwrap();
    assert_eq!(lines(folder.path()), (["a", "b", "c", "d"].map(str::to_owned).to_vec(), 2));
    let text = fs::read_to_string(folder.path().join("access.log")).unwrap();
    assert!(text.ends_with("\nc\nd\n"), "{text}");
    // Whoever opens it later finds out whose day it is: it was last written to today.
    let mut again = opened(options(folder.path()), now + DAY);
    again.write_at(b"e\n", now + DAY).unwrap();
    assert_eq!(lines(folder.path()).1, 3);
}

#[test]
fn full_files_give_way_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::real_ms();
    let header = format::header(AccessLogFormat::W3c, now).len() as u64;
    let mut file =
        opened(AccessLog { max_bytes: Some(header + 6), keep: Some(2), ..options(folder.path()) }, now);
    for at in 0..9 {
        file.write_at(format!("{at}\n").as_bytes(), now).unwrap();
    }
    assert_eq!(
        lines(folder.path()),
        (["0", "1", "2", "3", "4", "5", "6", "7", "8"].map(str::to_owned).to_vec(), 3)
    );
    file.write_at(b"9\n", now).unwrap();
    let (kept, files) = lines(folder.path());
    assert_eq!((kept.len(), files), (7, 3), "{kept:?}");
    assert!(kept.contains(&"9".to_owned()) && !kept.contains(&"0".to_owned()), "{kept:?}");
    // One line that is too long alone is written, not divided.
    file.write_at(b"a long line\n", now).unwrap();
    assert!(lines(folder.path()).0.contains(&"a long line".to_owned()));
}

#[test]
fn writers_share_a_file_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::real_ms();
    let options = AccessLog { max_bytes: Some(2000), keep: None, ..options(folder.path()) };
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let options = options.clone();
            scope.spawn(move || {
                let mut file = opened(options, now);
                for at in 0..200 {
                    file.write_at(format!("{writer}-{at:03} and more\n").as_bytes(), now).unwrap();
                }
            });
        }
    });
    let (found, files) = lines(folder.path());
    let mut expected: Vec<String> =
        (0..4).flat_map(|writer| (0..200).map(move |at| format!("{writer}-{at:03} and more"))).collect();
    expected.sort();
    assert!(found == expected, "{} of {} lines", found.len(), expected.len());
    assert!(files > 5, "{files}");
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::real_ms();
    let mut file = opened(options(folder.path()), now);
    file.write_at(b"a\n", now).unwrap();
    fs::rename(folder.path().join("access.log"), folder.path().join("access.log.1")).unwrap();
    file.write_at(b"b\n", now).unwrap();
    assert!(fs::read_to_string(folder.path().join("access.log")).unwrap().ends_with("\nb\n"));
}

#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.path().join("access.log")).unwrap();
    let error = RotatingFile::open(options(folder.path())).unwrap_err().to_string();
    assert!(error.contains("access.log cannot be opened"), "{error}");
}

#[test]
fn periods_and_names() {
    let thursday = 0;
    let monday = 4 * DAY;
    assert_eq!(period(Period::Weekly, thursday), period(Period::Weekly, monday - 1));
    assert_ne!(period(Period::Weekly, monday - 1), period(Period::Weekly, monday));
    assert_eq!(period(Period::Monthly, 0), period(Period::Monthly, 31 * DAY - 1));
    assert_ne!(period(Period::Monthly, 0), period(Period::Monthly, 31 * DAY));
    assert_ne!(period(Period::Hourly, 0), period(Period::Hourly, 3_600_000));
    let path = Path::new("/x/access.log");
    assert_eq!(archived(path, 1_795_867_323, 1), Path::new("/x/access-20261128-120203.log"));
    assert_eq!(stamp_of(path, "access-20261128-120203.log"), Some(("20261128-120203".to_owned(), 1)));
    assert_eq!(stamp_of(path, "access-20261128-120203-12.log"), Some(("20261128-120203".to_owned(), 12)));
    for other in
        ["access.log", "access-2026.log", "access-20261128-120203.log.gz", "access-20261128-120203-x.log"]
    {
        assert_eq!(stamp_of(path, other), None, "{other}");
    }
}
