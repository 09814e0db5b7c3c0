//! ECS's model of a task definition, as the sandbox has it: `xtask/sandbox/model.py` writes it from AWS's newest.

use std::collections::BTreeMap;

/// A member and its type, in the notation that the table's first lines explain.
pub(in crate::deploy) struct Member {
    pub name: &'static str,
    pub required: bool,
    pub kind: &'static str,
}

pub(in crate::deploy) struct Model(BTreeMap<&'static str, Vec<Member>>);

/// The input of RegisterTaskDefinition.
pub(super) const ROOT: &str = "RegisterTaskDefinitionRequest";

impl Model {
    pub(in crate::deploy) fn read() -> Self {
        let mut shapes = BTreeMap::new();
        let mut current = "";
        for line in include_str!("../../../../../sandbox/src/ecs/api/members.txt").lines() {
            if line.starts_with(' ') {
                let members = line.split_whitespace().map(|word| {
                    let (name, kind) = word.split_once(':').expect("a member has a type");
                    let bare = name.trim_end_matches('!');
                    Member { name: bare, required: bare != name, kind: kind.split('<').next().unwrap_or(kind) }
                });
                shapes.entry(current).or_insert_with(Vec::new).extend(members);
            } else {
                current = line;
            }
        }
        Self(shapes)
    }

    pub(super) fn members(&self, shape: &str) -> Option<&[Member]> {
        self.0.get(shape).map(Vec::as_slice)
    }

    /// Every member that a document can have, by its path, such as `containerDefinitions.ulimits`; lists are looked
    /// through.
    pub(super) fn paths(&self) -> Vec<(String, &Member)> {
        let mut found = Vec::new();
        self.walk(ROOT, "", &mut found);
        found
    }

    fn walk<'a>(&'a self, shape: &str, path: &str, found: &mut Vec<(String, &'a Member)>) {
        for member in self.members(shape).unwrap_or_default() {
            let path = if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
            found.push((path.clone(), member));
            self.walk(member.kind.trim_matches(['[', ']']), &path, found);
        }
    }
}
