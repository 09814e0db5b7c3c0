//! Who runs this, where, and of what commit.

use crate::commit::web_address;

/// What a message says of the run itself. Empty members are left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub who: String,
    /// `OWNER/NAME`, in CI.
    pub repository: String,
    /// All digits.
    pub commit: String,
    /// The commit's page.
    pub commit_url: String,
    /// The run's page, of this attempt.
    pub run_url: String,
}

/// A CI service, by the variables that it sets in its jobs. In a text, `{NAME}` is a variable and `{}` the commit;
/// where one of them is not set, nothing is said.
struct Service {
    /// Set in every job of this service and in none of those further down.
    mark: &'static str,
    /// Who set the run off, the closest first.
    who: &'static [&'static str],
    /// Of the repository's address where this is empty.
    repository: &'static str,
    commit: &'static str,
    /// The commit's page, or the repository's address as git has it.
    page: &'static str,
    run: &'static str,
}

/// As each service documents its variables. The first whose mark is set is meant: Gitea and Forgejo set GitHub's
/// variables beside their own.
const SERVICES: [Service; 13] = [
    Service {
        mark: "GITEA_ACTIONS",
        who: &["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"],
        repository: "{GITHUB_REPOSITORY}",
        commit: "{GITHUB_SHA}",
        page: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{}",
        run: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}",
    },
    Service {
        mark: "GITHUB_REPOSITORY",
        who: &["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"],
        repository: "{GITHUB_REPOSITORY}",
        commit: "{GITHUB_SHA}",
        page: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{}",
        run: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
    },
    Service {
        mark: "GITLAB_CI",
        who: &["GITLAB_USER_LOGIN"],
        repository: "{CI_PROJECT_PATH}",
        commit: "{CI_COMMIT_SHA}",
        page: "{CI_PROJECT_URL}/-/commit/{}",
        run: "{CI_JOB_URL}",
    },
    Service {
        mark: "CIRCLECI",
        who: &["CIRCLE_USERNAME"],
        repository: "{CIRCLE_PROJECT_USERNAME}/{CIRCLE_PROJECT_REPONAME}",
        commit: "{CIRCLE_SHA1}",
        page: "{CIRCLE_REPOSITORY_URL}",
        run: "{CIRCLE_BUILD_URL}",
    },
    Service {
        mark: "BUILDKITE",
        who: &["BUILDKITE_UNBLOCKER", "BUILDKITE_BUILD_CREATOR"],
        repository: "",
        commit: "{BUILDKITE_COMMIT}",
        page: "{BUILDKITE_REPO}",
        run: "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}",
    },
    Service {
        mark: "TF_BUILD",
        who: &["BUILD_REQUESTEDFOR"],
        repository: "{BUILD_REPOSITORY_NAME}",
        commit: "{BUILD_SOURCEVERSION}",
        page: "{BUILD_REPOSITORY_URI}",
        run: "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    },
    Service {
        mark: "BITBUCKET_BUILD_NUMBER",
        who: &[],
        repository: "{BITBUCKET_REPO_FULL_NAME}",
        commit: "{BITBUCKET_COMMIT}",
        page: "{BITBUCKET_GIT_HTTP_ORIGIN}",
        run: "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
    },
    Service {
        mark: "CODEBUILD_BUILD_ID",
        who: &["CODEBUILD_INITIATOR"],
        repository: "",
        commit: "{CODEBUILD_RESOLVED_SOURCE_VERSION}",
        page: "{CODEBUILD_SOURCE_REPO_URL}",
        run: "https://console.aws.amazon.com/codebuild/home?region={AWS_REGION}#/builds/{CODEBUILD_BUILD_ID}/view/new",
    },
    Service {
        mark: "DRONE",
        who: &["DRONE_COMMIT_AUTHOR"],
        repository: "{DRONE_REPO}",
        commit: "{DRONE_COMMIT_SHA}",
        page: "{DRONE_GIT_HTTP_URL}",
        run: "{DRONE_BUILD_LINK}",
    },
    Service {
        mark: "CI_SYSTEM_NAME",
        who: &["CI_PIPELINE_AUTHOR", "CI_COMMIT_AUTHOR"],
        repository: "{CI_REPO}",
        commit: "{CI_COMMIT_SHA}",
        page: "{CI_REPO_CLONE_URL}",
        run: "{CI_PIPELINE_URL}",
    },
    Service {
        mark: "TRAVIS",
        who: &[],
        repository: "{TRAVIS_REPO_SLUG}",
        commit: "{TRAVIS_COMMIT}",
        page: "",
        run: "{TRAVIS_JOB_WEB_URL}",
    },
    Service {
        mark: "SEMAPHORE",
        who: &[],
        repository: "{SEMAPHORE_GIT_REPO_SLUG}",
        commit: "{SEMAPHORE_GIT_SHA}",
        page: "{SEMAPHORE_GIT_URL}",
        run: "{SEMAPHORE_ORGANIZATION_URL}/jobs/{SEMAPHORE_JOB_ID}",
    },
    // Last: its variables are few, and others run as its agents.
    Service {
        mark: "JENKINS_URL",
        who: &["BUILD_USER", "CHANGE_AUTHOR"],
        repository: "",
        commit: "{GIT_COMMIT}",
        page: "{GIT_URL}",
        run: "{BUILD_URL}",
    },
];

impl Origin {
    /// `commit` is the checked-out one. The service's own is only asked where that is unknown: in a workflow that
    /// another one started, `GITHUB_SHA` is the tip of the default branch.
    pub(super) fn from_environment(env: &dyn Fn(&str) -> Option<String>, commit: Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| set(name)).unwrap_or_default();
        let Some(service) = SERVICES.iter().find(|service| set(service.mark).is_some()) else {
            return Self { who: first(&["USER", "LOGNAME"]), commit: commit.unwrap_or_default(), ..Self::default() };
        };
        let fill = |text: &str, commit: &str| fill(text, commit, &set).unwrap_or_default();
        let commit = commit.unwrap_or_else(|| fill(service.commit, ""));
        let commit = if is_hash(&commit) { commit } else { String::new() };
        let page = fill(service.page, &commit);
        let (repository, commit_url) = match web_address(&page) {
            _ if service.page.ends_with("/{}") => (String::new(), page),
            Some(address) => (path(&address), commit_page(&address, &commit)),
            None => <(String, String)>::default(),
        };
        let named = fill(service.repository, "");
        Self {
            who: first(service.who),
            repository: if named.is_empty() { repository } else { named },
            commit_url,
            run_url: fill(service.run, ""),
            commit,
        }
    }
}

/// The text with its variables in place; `None` where one is not set, or where the text needs a commit and has none.
fn fill(text: &str, commit: &str, set: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut parts = text.split('{');
    let mut filled = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        let value = if name.is_empty() { Some(commit.to_owned()).filter(|hash| !hash.is_empty()) } else { set(name) };
        filled.push_str(&value?);
        filled.push_str(rest);
    }
    // The name of a project may have spaces in it, a link may not.
    let is_link = filled.starts_with("https://") || filled.starts_with("http://");
    Some(if is_link { filled.replace(' ', "%20") } else { filled })
}

/// Buildkite says `HEAD` of a build that nobody gave a commit, CodeBuild a version in a bucket.
fn is_hash(commit: &str) -> bool {
    commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `OWNER/NAME` of `https://HOST/OWNER/NAME`.
fn path(address: &str) -> String {
    let host_and_path = address.trim_start_matches("https://");
    host_and_path.split_once('/').map_or(String::new(), |(_, path)| path.to_owned())
}

/// The commit's page on one of the public hosts; of others the form of the address is not known.
fn commit_page(address: &str, commit: &str) -> String {
    let host = address.trim_start_matches("https://").split('/').next().unwrap_or_default();
    let pages = match host {
        "github.com" | "dev.azure.com" => "commit",
        "gitlab.com" => "-/commit",
        "bitbucket.org" => "commits",
        _ => return String::new(),
    };
    if commit.is_empty() { String::new() } else { format!("{address}/{pages}/{commit}") }
}

#[cfg(test)]
mod tests;
