use super::*;

const COMMIT: &str = "81f3be78a3a1c0ffee00c0ffee00c0ffee00c0de";

fn origin(variables: &[(&str, &str)], commit: Option<&str>) -> Origin {
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Origin::from_environment(&env, commit.map(str::to_owned))
}

#[test]
fn the_commit_is_the_one_checked_out_and_not_the_default_branch() {
    let github = [
        ("GITHUB_ACTOR", "alice"),
        ("GITHUB_TRIGGERING_ACTOR", "bob"),
        ("GITHUB_REPOSITORY", "sample/app"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_SHA", "fffffff"),
    ];
    let known = origin(&github, Some("aaaaaaa"));
    assert_eq!(known.who, "bob");
    assert_eq!(known.commit_url, "https://github.com/sample/app/commit/aaaaaaa");
    assert_eq!(known.run_url, "https://github.com/sample/app/actions/runs/42/attempts/2");
    assert_eq!(origin(&github, None).commit, "fffffff");
}

/// A job's variables; then who, the repository, the commit's page and the run's.
type Job<'a> = (&'a [(&'a str, &'a str)], [&'a str; 4]);

/// Each as the service's documentation gives it.
const JOBS: [Job<'_>; 12] = [
    (
        &[
            ("GITLAB_CI", "true"),
            ("GITLAB_USER_LOGIN", "alice"),
            ("CI_PROJECT_PATH", "group/sub/app"),
            ("CI_PROJECT_URL", "https://gitlab.example.com/group/sub/app"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_JOB_URL", "https://gitlab.example.com/group/sub/app/-/jobs/7"),
            ("CI_PIPELINE_URL", "https://gitlab.example.com/group/sub/app/-/pipelines/3"),
        ],
        [
            "alice",
            "group/sub/app",
            "https://gitlab.example.com/group/sub/app/-/commit/COMMIT",
            "https://gitlab.example.com/group/sub/app/-/jobs/7",
        ],
    ),
    (
        &[
            ("CIRCLECI", "true"),
            ("CIRCLE_USERNAME", "alice"),
            ("CIRCLE_PROJECT_USERNAME", "sample"),
            ("CIRCLE_PROJECT_REPONAME", "app"),
            ("CIRCLE_REPOSITORY_URL", "git@github.com:sample/app.git"),
            ("CIRCLE_SHA1", COMMIT),
            ("CIRCLE_BUILD_URL", "https://circleci.com/gh/sample/app/7"),
        ],
        ["alice", "sample/app", "https://github.com/sample/app/commit/COMMIT", "https://circleci.com/gh/sample/app/7"],
    ),
    (
        &[
            ("BUILDKITE", "true"),
            ("BUILDKITE_BUILD_CREATOR", "Alice Example"),
            ("BUILDKITE_UNBLOCKER", "Bob Example"),
            ("BUILDKITE_REPO", "git@bitbucket.org:sample/app.git"),
            ("BUILDKITE_COMMIT", COMMIT),
            ("BUILDKITE_BUILD_URL", "https://buildkite.com/sample/app/builds/7"),
            ("BUILDKITE_JOB_ID", "b63254c0"),
        ],
        [
            "Bob Example",
            "sample/app",
            "https://bitbucket.org/sample/app/commits/COMMIT",
            "https://buildkite.com/sample/app/builds/7#b63254c0",
        ],
    ),
    (
        &[
            ("TF_BUILD", "True"),
            ("BUILD_REQUESTEDFOR", "Alice Example"),
            ("BUILD_REPOSITORY_NAME", "app"),
            ("BUILD_REPOSITORY_URI", "https://sample@dev.azure.com/sample/my project/_git/app"),
            ("BUILD_SOURCEVERSION", COMMIT),
            ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "https://dev.azure.com/sample/"),
            ("SYSTEM_TEAMPROJECT", "my project"),
            ("BUILD_BUILDID", "7"),
        ],
        [
            "Alice Example",
            "app",
            "https://dev.azure.com/sample/my%20project/_git/app/commit/COMMIT",
            "https://dev.azure.com/sample/my%20project/_build/results?buildId=7",
        ],
    ),
    (
        &[
            ("BITBUCKET_BUILD_NUMBER", "7"),
            ("BITBUCKET_REPO_FULL_NAME", "sample/app"),
            ("BITBUCKET_GIT_HTTP_ORIGIN", "http://bitbucket.org/sample/app"),
            ("BITBUCKET_COMMIT", COMMIT),
            ("USER", "root"),
        ],
        [
            "",
            "sample/app",
            "https://bitbucket.org/sample/app/commits/COMMIT",
            "https://bitbucket.org/sample/app/pipelines/results/7",
        ],
    ),
    (
        &[
            ("CODEBUILD_BUILD_ID", "app:b1e6661e"),
            ("CODEBUILD_INITIATOR", "codepipeline/app"),
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT),
            ("CODEBUILD_SOURCE_REPO_URL", "https://github.com/sample/app.git"),
            ("AWS_REGION", "ap-northeast-1"),
        ],
        [
            "codepipeline/app",
            "sample/app",
            "https://github.com/sample/app/commit/COMMIT",
            "https://console.aws.amazon.com/codebuild/home?region=ap-northeast-1#/builds/app:b1e6661e/view/new",
        ],
    ),
    (
        &[
            ("DRONE", "true"),
            ("DRONE_COMMIT_AUTHOR", "alice"),
            ("DRONE_REPO", "sample/app"),
            ("DRONE_COMMIT_SHA", COMMIT),
            ("DRONE_GIT_HTTP_URL", "https://git.example.com/sample/app.git"),
            ("DRONE_BUILD_LINK", "https://drone.example.com/sample/app/7"),
        ],
        ["alice", "sample/app", "", "https://drone.example.com/sample/app/7"],
    ),
    (
        &[
            ("CI", "woodpecker"),
            ("CI_SYSTEM_NAME", "woodpecker"),
            ("CI_COMMIT_AUTHOR", "alice"),
            ("CI_REPO", "sample/app"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_REPO_CLONE_URL", "https://gitlab.com/sample/app.git"),
            ("CI_PIPELINE_URL", "https://woodpecker.example.com/repos/1/pipeline/7"),
        ],
        [
            "alice",
            "sample/app",
            "https://gitlab.com/sample/app/-/commit/COMMIT",
            "https://woodpecker.example.com/repos/1/pipeline/7",
        ],
    ),
    (
        &[
            ("TRAVIS", "true"),
            ("TRAVIS_REPO_SLUG", "sample/app"),
            ("TRAVIS_COMMIT", COMMIT),
            ("TRAVIS_JOB_WEB_URL", "https://app.travis-ci.com/github/sample/app/jobs/7"),
        ],
        ["", "sample/app", "", "https://app.travis-ci.com/github/sample/app/jobs/7"],
    ),
    (
        &[
            ("SEMAPHORE", "true"),
            ("SEMAPHORE_GIT_REPO_SLUG", "sample/app"),
            ("SEMAPHORE_GIT_SHA", COMMIT),
            ("SEMAPHORE_GIT_URL", "git@github.com:sample/app.git"),
            ("SEMAPHORE_ORGANIZATION_URL", "https://sample.semaphoreci.com"),
            ("SEMAPHORE_JOB_ID", "a26d42cf"),
        ],
        [
            "",
            "sample/app",
            "https://github.com/sample/app/commit/COMMIT",
            "https://sample.semaphoreci.com/jobs/a26d42cf",
        ],
    ),
    (
        &[
            ("JENKINS_URL", "https://jenkins.example.com/"),
            ("BUILD_USER", "Alice Example"),
            ("GIT_COMMIT", COMMIT),
            ("GIT_URL", "https://github.com/sample/app.git"),
            ("BUILD_URL", "https://jenkins.example.com/job/app/7/"),
            ("USER", "jenkins"),
        ],
        [
            "Alice Example",
            "sample/app",
            "https://github.com/sample/app/commit/COMMIT",
            "https://jenkins.example.com/job/app/7/",
        ],
    ),
    (
        &[
            ("GITEA_ACTIONS", "true"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_REPOSITORY", "sample/app"),
            ("GITHUB_SERVER_URL", "https://git.example.com"),
            ("GITHUB_SHA", COMMIT),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_RUN_NUMBER", "7"),
        ],
        [
            "alice",
            "sample/app",
            "https://git.example.com/sample/app/commit/COMMIT",
            "https://git.example.com/sample/app/actions/runs/7",
        ],
    ),
];

#[test]
fn every_ci_service_says_who_ran_what_and_where_it_can_be_seen() {
    for (job, [who, repository, commit_url, run_url]) in JOBS {
        let said = origin(job, None);
        let wanted = Origin {
            who: who.to_owned(),
            repository: repository.to_owned(),
            commit: COMMIT.to_owned(),
            commit_url: commit_url.replace("COMMIT", COMMIT),
            run_url: run_url.to_owned(),
        };
        assert_eq!(said, wanted, "{}", job[0].0);
        assert_eq!(origin(job, Some("aaaaaaa")).commit, "aaaaaaa", "{}", job[0].0);
    }
    assert_eq!(JOBS.len() + 1, SERVICES.len(), "GitHub's own test stands above");
}

/// What a job leaves out is left out of the message, and nothing is put together from half of an address.
#[test]
fn a_job_with_nothing_but_its_mark_says_nothing() {
    for service in &SERVICES {
        let said = origin(&[(service.mark, "true"), ("USER", "runner")], None);
        let named = (said.who.as_str(), said.commit.as_str(), said.commit_url.as_str());
        assert_eq!(named, ("", "", ""), "{}", service.mark);
        assert!(said.run_url.is_empty(), "{}: {}", service.mark, said.run_url);
    }
}

#[test]
fn on_a_persons_own_machine_it_is_that_person() {
    let said = origin(&[("USER", "alice"), ("LOGNAME", "other"), ("CI_COMMIT_SHA", COMMIT)], Some(COMMIT));
    assert_eq!(said, Origin { who: "alice".to_owned(), commit: COMMIT.to_owned(), ..Origin::default() });
}

#[test]
fn a_commit_that_is_none_is_not_shown() {
    for value in ["HEAD", "arn:aws:s3:::bucket/key", "1234"] {
        let job = [("BUILDKITE", "true"), ("BUILDKITE_COMMIT", value), ("BUILDKITE_REPO", "git@github.com:a/b.git")];
        let said = origin(&job, None);
        assert_eq!((said.commit.as_str(), said.commit_url.as_str()), ("", ""), "{value}");
    }
}
