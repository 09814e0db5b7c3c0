//! What is Unix alone, place by place: whoever brings another platform finds here what it has to do without, and nobody adds
//! to it unawares.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files, and what they have of Unix.
const PLACES: &[(&str, &str)] = &[
    ("binary.rs", "whether a program is executable"),
    ("image/base/listing.rs", "names of files in layers are bytes"),
    ("image/tree.rs", "permission bits of what goes into an image"),
    ("interrupt.rs", "SIGINT and SIGTERM"),
    ("partial.rs", "what appears whole is its owner's alone, or is executable"),
    ("process.rs", "process groups, signals, and becoming another program"),
    ("reader/terminal.rs", "how wide the terminal is"),
    ("simulate/threads.rs", "what the kernel says of this process's threads"),
    ("tools/slots.rs", "a link to the database"),
    ("tools/unpack.rs", "the permission to run what was unpacked"),
];

/// The same of the sandbox, which is compiled with the feature `rehearse` alone.
const OF_THE_SANDBOX: &[(&str, &str)] = &[
    ("machine/docker/hold.rs", "the permission to run the program that holds a namespace"),
    ("machine/docker/images.rs", "links in what docker is given"),
    ("machine/docker/leftovers.rs", "a process that outlives this one to remove containers"),
    ("machine/image.rs", "links in what is unpacked, and those of /proc"),
    ("machine/program.rs", "process groups, and by which signal a program ended"),
];

#[test]
fn each_place_that_is_unix_alone_is_named_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (source, places) in [("src", PLACES), ("../sandbox/src", OF_THE_SANDBOX), ("../cli/src", &[])] {
        let named: BTreeSet<String> = places.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(of_unix(&root.join(source)), named, "{source}");
    }
}

fn of_unix(source: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files(source) {
        let text = fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        if ["std::os::unix", "std::os::fd", "rustix::", "signal_hook::"].iter().any(|unix| code.contains(unix)) {
            found.insert(file.strip_prefix(source).expect("it is below").display().to_string());
        }
    }
    found
}

/// Every file that is not a test's.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let is_test = |path: &PathBuf| path.file_stem().is_some_and(|name| name == "tests" || name == "fixture");
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs") && !is_test(path));
    files.chain(folders.iter().filter(|path| !is_test(path)).flat_map(|folder| self::files(folder))).collect()
}
