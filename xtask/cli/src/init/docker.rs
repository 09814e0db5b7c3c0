//! Dockerfiles, as far as they tell what they are for.

/// What a Dockerfile says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The last word of a path that ENTRYPOINT or CMD starts.
    pub starts: Option<String>,
    /// The first port that it opens.
    pub port: Option<u16>,
    /// The line of the first command that compiles with cargo.
    pub cargo: Option<usize>,
    /// What it copies from its context.
    pub copies: Vec<String>,
    /// The stage for amd64, where it ends in one for each architecture and the last is for arm64.
    pub target: Option<String>,
}

/// What an image is for where nothing else is said, as stages are called.
const USUAL: [&str; 3] = ["amd64", "x86_64", "x86-64"];
const OTHER: [&str; 2] = ["arm64", "aarch64"];

/// Reads it instruction by instruction; what it does not know it passes over.
pub fn read(text: &str) -> Facts {
    let mut facts = Facts::default();
    let (mut stage, mut usual) = (String::new(), None);
    for (line, instruction) in instructions(text) {
        let (keyword, rest) = instruction.split_once(char::is_whitespace).unwrap_or((&instruction, ""));
        let rest = rest.trim();
        match keyword.to_ascii_uppercase().as_str() {
            // Stages before the last one start nothing.
            "FROM" => {
                stage = rest.split_whitespace().last().unwrap_or_default().to_lowercase();
                (facts.starts, facts.port) = (None, None);
                if USUAL.contains(&stage.as_str()) {
                    usual = Some(stage.clone());
                }
            }
            "ENTRYPOINT" | "CMD" if facts.starts.is_none() || keyword.eq_ignore_ascii_case("ENTRYPOINT") => {
                facts.starts = program(rest).or(facts.starts);
            }
            "EXPOSE" if facts.port.is_none() => {
                facts.port = rest.split(['/', ' ']).next().and_then(|port| port.parse().ok());
            }
            "RUN" if facts.cargo.is_none() && compiles(rest) => facts.cargo = Some(line),
            "COPY" | "ADD" if !rest.contains("--from=") => {
                let words = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect::<Vec<_>>();
                let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
                facts.copies.extend(sources.iter().map(|source| source.trim_matches(['[', '"', ',']).to_owned()));
            }
            _ => {}
        }
    }
    facts.target = usual.filter(|_| OTHER.contains(&stage.as_str()));
    facts
}

/// Logical lines, each with the number of its first one.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let (mut all, mut open): (Vec<(usize, String)>, bool) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match all.last_mut() {
            Some((_, before)) if open => {
                before.push(' ');
                before.push_str(part);
            }
            _ => all.push((number + 1, part.to_owned())),
        }
        open = goes_on;
    }
    all
}

/// The program of the exec form or of the shell form.
fn program(words: &str) -> Option<String> {
    let first = match serde_json::from_str::<Vec<String>>(words) {
        Ok(list) => list.into_iter().next()?,
        Err(_) => words.split_whitespace().find(|word| *word != "exec")?.to_owned(),
    };
    first.rsplit('/').next().map(str::to_owned)
}

/// Whether cargo compiles something of the workspace; what it installs from elsewhere is none of that.
fn compiles(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_cargo = |two: &[&str]| two[0].rsplit('/').next() == Some("cargo");
    words.windows(2).filter(|two| is_cargo(two)).any(|two| match two[1] {
        "build" | "b" | "chef" | "auditable" | "zigbuild" => true,
        "install" => words.contains(&"--path"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_is_of_the_last_stage() {
        let text = "FROM rust AS build\nCOPY . .\nRUN apt-get update && \\\n    # why\n    cargo build --release\nCMD [\"no\"]\n\
                    FROM scratch\nCOPY --from=build /shop /shop\nEXPOSE 8080/tcp\nENTRYPOINT [\"/usr/bin/shop\", \"serve\"]\nCMD [\"x\"]\n";
        let facts = read(text);
        assert_eq!((facts.starts.as_deref(), facts.port, facts.cargo), (Some("shop"), Some(8080), Some(3)));
        assert_eq!(facts.copies, ["."]);
        assert_eq!(read("FROM x\nCMD exec ./run now\n").starts.as_deref(), Some("run"));
        for command in ["cargo fmt", "cargo install cargo-chef", "echo cargo"] {
            assert_eq!(read(&format!("FROM rust\nRUN {command}\n")).cargo, None, "{command}");
        }
        assert_eq!(facts.target, None);
        assert_eq!(read("FROM rust\nRUN cd /src && /usr/bin/cargo install --path app\n").cargo, Some(2));
    }

    #[test]
    fn of_a_stage_for_each_architecture_the_usual_one_is_built() {
        let stage =
            |name: &str| format!("FROM scratch AS {name}\nCOPY --from=build /{name}/shop /shop\nCMD [\"/shop\"]\n");
        let text = format!("FROM rust AS build\n{}{}", stage("amd64"), stage("arm64"));
        assert_eq!(read(&text).target.as_deref(), Some("amd64"));
        assert_eq!(read(&text).starts.as_deref(), Some("shop"));
        let other = format!("FROM rust AS build\n{}{}", stage("arm64"), stage("amd64"));
        assert_eq!(read(&other).target, None, "the last is built anyway");
        // Where the last is made of one of them, the builder says which.
        assert_eq!(read(&format!("{text}FROM ${{TARGETARCH}}\n")).target, None);
        assert_eq!(read(&stage("arm64")).target, None);
    }
}
