//! Who runs this, where, and of what commit.

/// What a message says of the run itself. Empty members are left out of it.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub who: String,
    /// `OWNER/NAME`, in GitHub Actions.
    pub repository: String,
    /// All digits.
    pub commit: String,
    /// The commit's page.
    pub commit_url: String,
    /// The run's page, of this attempt.
    pub run_url: String,
}

impl Origin {
    /// `commit` is the checked-out one. `GITHUB_SHA` is only asked where that is unknown: in a workflow that another
    /// one started it is the tip of the default branch.
    pub fn from_environment(env: &dyn Fn(&str) -> Option<String>, commit: Option<String>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
        let who = first(&["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "USER", "LOGNAME"]).unwrap_or_default();
        let commit = commit.or_else(|| first(&["GITHUB_SHA"])).unwrap_or_default();
        let repository = first(&["GITHUB_REPOSITORY"]).unwrap_or_default();
        let mut origin = Self { who, repository, commit, ..Self::default() };
        if let (Some(server), false) = (first(&["GITHUB_SERVER_URL"]), origin.repository.is_empty()) {
            let page = format!("{server}/{}", origin.repository);
            if !origin.commit.is_empty() {
                origin.commit_url = format!("{page}/commit/{}", origin.commit);
            }
            if let Some(run) = first(&["GITHUB_RUN_ID"]) {
                let attempt = first(&["GITHUB_RUN_ATTEMPT"]).unwrap_or("1".to_owned());
                origin.run_url = format!("{page}/actions/runs/{run}/attempts/{attempt}");
            }
        }
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_the_one_checked_out_and_not_the_default_branch() {
        let env = |name: &str| {
            let value = match name {
                "GITHUB_ACTOR" => "alice",
                "GITHUB_TRIGGERING_ACTOR" => "bob",
                "GITHUB_REPOSITORY" => "sample/app",
                "GITHUB_SERVER_URL" => "https://github.com",
                "GITHUB_RUN_ID" => "42",
                "GITHUB_RUN_ATTEMPT" => "2",
                "GITHUB_SHA" => "ffff",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let origin = Origin::from_environment(&env, Some("aaaa".to_owned()));
        assert_eq!(origin.who, "bob");
        assert_eq!(origin.commit_url, "https://github.com/sample/app/commit/aaaa");
        assert_eq!(origin.run_url, "https://github.com/sample/app/actions/runs/42/attempts/2");
        assert_eq!(Origin::from_environment(&env, None).commit, "ffff");
    }
}
