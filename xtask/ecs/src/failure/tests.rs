use super::*;

#[test]
fn all_problems_are_one_failure_and_each_is_said_once() {
    let world = || Failure::world("no cluster");
    let missing = || Failure::new(Ending::Conflict, "no image").help("release it");
    let together = Failure::together;
    assert_eq!(together(vec![missing()]).exit_code(), 8);
    assert_eq!(together(vec![missing(), missing()]).to_string(), "no image\nrelease it");
    let all = together(vec![missing(), world(), world(), Failure::new(Ending::Usage, "bad file")]);
    assert_eq!(all.exit_code(), 2);
    assert_eq!(
        all.to_string(),
        "3 problems, and nothing was done:\n- bad file\n- no cluster\n- no image\n  release it"
    );
    assert_eq!(together(vec![missing(), world()]).exit_code(), 1);
}

#[test]
fn problems_that_are_several_faults_themselves_stay_apart_and_keep_their_places() {
    let place = |line| Some(Place { file: "app/task.json".into(), line, column: 1 });
    let fault = |line| Fault { message: format!("fault {line}"), place: place(line), ..Fault::default() };
    let file = Failure::of_faults(Ending::Usage, vec![fault(1), fault(2)], |count| format!("{count} faults"));
    let all = Failure::together(vec![Failure::world("no cluster").said(["Code 1"]), file]);
    assert_eq!(
        all.to_string(),
        "3 problems, and nothing was done:\n- app/task.json:1:1: fault 1\n- app/task.json:2:1: fault 2\n\
         - no cluster\n    | Code 1"
    );
}

#[test]
fn no_part_holds_a_line_break_whatever_it_is_made_from() {
    let failure = Failure::new(Ending::World, "docker said:\nno\nspace").said(["a\nb"]).help("one\ntwo");
    assert_eq!(
        (failure.message(), &failure.said[..]),
        ("docker said:", &["no", "space", "a", "b"].map(String::from)[..])
    );
    assert_eq!(failure.help, ["one", "two"]);
    assert_eq!(failure.clone().during("while\r\nwaiting").message(), "while waiting: docker said:");
    assert_eq!(failure.and("and\nmore").message(), "docker said:; and more");
}

/// The arguments of each constructor in a source text, up to the parenthesis that closes them.
fn constructed(text: &str) -> Vec<&str> {
    let names = ["new", "world", "usage", "conflict", "interrupted"].map(|name| format!("Failure::{name}("));
    let starts = names.iter().flat_map(|name| text.match_indices(name.as_str()).map(|(at, name)| at + name.len()));
    let close = |rest: &str| {
        let (mut open, mut quoted, mut escaped) = (1, false, false);
        let place = rest.find(|letter| {
            match letter {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '(' if !quoted => open += 1,
                ')' if !quoted => open -= 1,
                _ => {}
            }
            open == 0
        });
        place.unwrap_or(rest.len())
    };
    starts.map(|at| &text[at..at + close(&text[at..])]).collect()
}

#[test]
fn no_failure_is_made_from_parts_that_are_glued_with_line_breaks() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let (mut seen, mut glued) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("src/failure.rs") && !path.ends_with("failure/tests.rs") {
                let text = std::fs::read_to_string(&path).expect("Rust is text");
                let made = constructed(&text);
                seen += made.len();
                let broken = made.iter().filter(|arguments| arguments.contains("\\n"));
                glued.extend(broken.map(|arguments| format!("{}: {arguments}", path.display())));
            }
        }
    }
    assert!(seen > 80, "only {seen} were found");
    assert!(glued.is_empty(), "{}", glued.join("\n"));
    let glue = r#"Failure::world(format_args!("a (b\n) {c}")); "\n""#;
    assert_eq!(constructed(glue), [r#"format_args!("a (b\n) {c}")"#]);
}

#[test]
fn what_went_wrong_inside_is_kept_and_told_on_one_line() {
    let inner = std::io::Error::other("the disk is gone");
    let failure = Failure::from(anyhow::Error::new(inner).context("could not write the layout"));
    assert_eq!(failure.message(), "could not write the layout: the disk is gone");
    let source = Error::source(&failure).and_then(Error::source).expect("the context's source");
    assert!(source.is::<std::io::Error>());
    let wrapped = anyhow::Error::new(Failure::new(Ending::Refused, "no").help("yes")).context("on its way up");
    let failure = Failure::from(wrapped);
    assert_eq!((failure.exit_code(), failure.to_string().as_str()), (3, "no\nyes"));
}

#[test]
fn what_is_said_of_a_whole_with_one_fault_is_not_lost_with_it() {
    let place = Place { file: "app/task.json".into(), line: 3, column: 7 };
    let typo = || Failure::at(place.clone(), "unknown member").help("leave it out");
    let told = typo().during("while planning").and("nothing was done").to_string();
    assert_eq!(told, "app/task.json:3:7: while planning: unknown member; nothing was done\nleave it out");
    let together = Failure::together(vec![typo(), Failure::world("no cluster")]);
    assert_eq!(
        together.to_string(),
        "2 problems, and nothing was done:\n- app/task.json:3:7: unknown member\n  leave it out\n- no cluster"
    );
}
