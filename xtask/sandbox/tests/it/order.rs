//! The order of the rooms: each imports only what stands below it.

use std::fs;
use std::path::Path;

/// From the ground up. A file belongs to the longest name that begins its own.
const ROOMS: &[&str] = &[
    "clock",
    "home",
    "protocol",
    "model",
    "tables",
    "http",
    "ecr",
    "sts",
    "iam",
    "ssm",
    "cloudformation",
    "secretsmanager",
    "kms",
    "autoscaling",
    "scheduler",
    "lambda",
    "events",
    "s3",
    "logs",
    "ecs::timing",
    "ecs::json",
    "ecs::state",
    "ecs::life",
    "ecs::api",
    "ecs",
    "elasticloadbalancing",
    "fault",
    "limits",
    "policy",
    "world",
    "machine",
    "registry",
    "server",
    "lib",
    "site",
    "seed",
    "furnish",
];

#[test]
fn every_room_imports_only_rooms_below_it() {
    let mut files = Vec::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "", &mut files);
    assert!(files.len() > 50, "only {} files were found", files.len());
    let mut climbs = Vec::new();
    for (module, text) in files.iter().filter(|(module, _)| !module.starts_with("ecs::tests")) {
        let own = floor(module).unwrap_or_else(|| panic!("the room of {module} has no place in the order"));
        for imported in imports(module, text) {
            match floor(&imported) {
                Some(other) if other <= own => {}
                _ => climbs.push(format!("{module} imports {imported}")),
            }
        }
    }
    assert!(climbs.is_empty(), "{climbs:#?}");
}

/// Every module and its text without comments.
fn collect(folder: &Path, module: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        if path.is_dir() {
            collect(&path, &module, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            files.push((module, code.collect::<Vec<_>>().join("\n")));
        }
    }
}

/// The paths that a module names, from the crate's root on; what stands in the root itself is in `lib`.
fn imports(module: &str, text: &str) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let rooted = |base: &str, rest: &str| {
        let path: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
        let words = base.split("::").chain(path.split("::")).filter(|word| !word.is_empty());
        let modules: Vec<&str> = words.take_while(|word| word.starts_with(char::is_lowercase)).collect();
        if modules.is_empty() { "lib".to_owned() } else { modules.join("::") }
    };
    let absolute = text.split("crate::").skip(1).map(|rest| rooted("", rest));
    // A test module's `super::*` is its own file.
    let relative = text.split("super::").skip(1).filter(|rest| !rest.starts_with('*')).map(|it| rooted(parent, it));
    absolute.chain(relative).collect()
}

fn floor(module: &str) -> Option<usize> {
    let holds =
        |room: &&&str| module.strip_prefix(**room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let room = ROOMS.iter().filter(holds).max_by_key(|room| room.len())?;
    ROOMS.iter().position(|it| it == room)
}
