//! What is reported of a Dockerfile, snippet by snippet.

use super::*;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// `DIGEST` and `COMMIT` stand for a digest and a commit's hash.
fn written(text: &str) -> String {
    text.replace("DIGEST", DIGEST).replace("COMMIT", COMMIT)
}

fn reported(text: &str, given: &Given<'_>) -> Vec<String> {
    let show = |moving: Moving| {
        let is = moving.is.map(|is| format!(" = {is}")).unwrap_or_default();
        format!("{} {}{is}", moving.line, moving.what)
    };
    moving(&written(text), given).into_iter().map(show).collect()
}

/// The argument `OWN=given`, the contexts `handed` and `debian:12`, linux/arm64, the last stage.
fn given(args: &BTreeMap<String, String>) -> Given<'_> {
    Given {
        args,
        contexts: SortedSet::from(["handed", "docker.io/library/debian:12"]),
        target: None,
        platform: "linux/arm64",
    }
}

/// Each snippet with what is reported of it, a line each.
const SNIPPETS: &[(&str, &[&str])] = &[
    // FROM
    ("FROM rust:1.95", &["1 FROM rust:1.95"]),
    ("from rust", &["1 FROM rust"]),
    ("FROM scratch", &[]),
    ("FROM rust@DIGEST", &[]),
    ("FROM rust:1.95@DIGEST AS build", &[]),
    ("FROM --platform=$BUILDPLATFORM rust:1.95 AS build", &["1 FROM rust:1.95"]),
    ("FROM rust@DIGEST AS Build\nFROM build", &[]),
    ("FROM rust@DIGEST AS one\nFROM one AS two\nFROM TWO", &[]),
    // A stage that comes later is none yet.
    ("FROM later AS one\nFROM one AS later", &["1 FROM later"]),
    ("FROM 0", &["1 FROM 0"]),
    ("\n# from nowhere\n\nFROM rust", &["4 FROM rust"]),
    ("\u{feff}FROM rust", &["1 FROM rust"]),
    ("FROM rust\r\nRUN true\r\n", &["1 FROM rust"]),
    // Stages that are not needed are not built.
    ("FROM rust AS test\nFROM debian@DIGEST", &[]),
    ("FROM rust AS tools\nFROM alpine AS other\nFROM debian@DIGEST\nCOPY --from=tools /a /b", &["1 FROM rust"]),
    ("FROM rust AS one\nFROM one AS two\nFROM debian@DIGEST\nRUN --mount=from=two,target=/x true", &["1 FROM rust"]),
    // Contexts stand in for images and for stages.
    ("FROM handed", &[]),
    ("FROM debian:12", &[]),
    ("FROM debian", &["1 FROM debian"]),
    ("FROM rust AS handed\nFROM handed", &[]),
    // Continuations
    ("FROM debian@DIGEST \\\nAS build\nFROM build", &[]),
    ("FROM \\\n  # why\n\n  debian:11 \\\n  AS build", &["1 FROM debian:11"]),
    ("FROM debian@DIGEST\nRUN echo \\\nfrom nowhere", &[]),
    ("FROM debian@DIGEST\nRUN echo a\\\\\nCOPY --from=alpine /a /b", &["3 COPY --from=alpine"]),
    ("FROM debian@DIGEST\nRUN echo \\\n# a comment \\\n  b\nCOPY --from=alpine /a /b", &["5 COPY --from=alpine"]),
    ("# escape=`\nFROM debian@DIGEST `\nAS build\nRUN dir c:\\\nFROM build", &[]),
    ("#escape = `\nFROM \\\nrust", &["2 FROM \\"]),
    ("# a comment\n# escape=`\nFROM debian@DIGEST\nRUN echo \\\nfrom nowhere", &[]),
    // Arguments
    ("ARG BASE=debian@DIGEST\nFROM ${BASE}", &[]),
    ("ARG BASE=debian:11\nFROM ${BASE}", &["2 FROM ${BASE} = debian:11"]),
    ("ARG V=11\nARG BASE=debian:$V\nFROM $BASE", &["3 FROM $BASE = debian:11"]),
    ("ARG OWN=debian@DIGEST\nFROM $OWN", &["2 FROM $OWN = given"]),
    ("FROM debian:${V}@DIGEST", &[]),
    ("FROM ${BASE}", &["1 FROM ${BASE}"]),
    ("FROM ${BASE:-debian@DIGEST}", &[]),
    ("FROM ${BASE:-debian:11}", &["1 FROM ${BASE:-debian:11} = debian:11"]),
    ("ARG SLIM=1\nFROM debian:11${SLIM:+-slim}", &["2 FROM debian:11${SLIM:+-slim} = debian:11-slim"]),
    ("ARG V=v11\nFROM debian:${V#v}", &["2 FROM debian:${V#v}"]),
    ("ARG V=v11\nFROM debian:${V#v}@DIGEST", &[]),
    ("ARG BASE=\"debian@DIGEST\"\nFROM ${BASE}", &[]),
    ("FROM a@DIGEST AS build-amd64\nFROM b@DIGEST AS build-arm64\nFROM build-${TARGETARCH}", &[]),
    ("FROM alpine AS build-amd64\nFROM b@DIGEST AS build-arm64\nFROM build-${TARGETARCH}", &[]),
    ("FROM debian@DIGEST\nARG BASE=debian@DIGEST\nFROM ${BASE}", &["3 FROM ${BASE}"]),
    // Heredocs
    (
        "FROM debian@DIGEST\nRUN python3 - <<PY\nfrom pathlib import Path\nPY\nCOPY --from=alpine /a /b",
        &["5 COPY --from=alpine"],
    ),
    ("FROM debian@DIGEST\nRUN <<-'END' cat\n\tfrom nowhere\n\tEND\nFROM rust", &["5 FROM rust"]),
    (
        "FROM debian@DIGEST\nRUN <<A <<\"B\"\nfrom one\nA\nfrom two\nB\nCOPY --from=alpine /a /b",
        &["7 COPY --from=alpine"],
    ),
    ("FROM debian@DIGEST\nCOPY <<EOF /x\nADD https://example.com/a /a\nEOF", &[]),
    ("FROM debian@DIGEST\nRUN cat << EOF\nfrom nowhere\nEOF", &[]),
    ("FROM debian@DIGEST\nRUN echo \"<<EOF\"\nCOPY --from=alpine /a /b", &["3 COPY --from=alpine"]),
    ("FROM debian@DIGEST\nRUN [\"cat\", \"<<EOF\"]\nCOPY --from=alpine /a /b", &["3 COPY --from=alpine"]),
    ("FROM debian@DIGEST\nRUN cat <<< word\nCOPY --from=alpine /a /b", &["3 COPY --from=alpine"]),
    ("FROM debian@DIGEST\nENV A=<<EOF\nCOPY --from=alpine /a /b", &["3 COPY --from=alpine"]),
    ("FROM debian@DIGEST\nONBUILD RUN <<EOF\nfrom nowhere\nEOF", &[]),
    // COPY --from
    ("FROM debian@DIGEST\nCOPY --from=ghcr.io/acme/tool:latest /a /b", &["2 COPY --from=ghcr.io/acme/tool:latest"]),
    ("FROM debian@DIGEST\nCOPY --from=ghcr.io/acme/tool:1@DIGEST /a /b", &[]),
    ("FROM debian@DIGEST\nCOPY --chown=1:1 --from=\"alpine:3\" [\"/a\", \"/b\"]", &["2 COPY --from=alpine:3"]),
    ("FROM debian@DIGEST AS Build\nFROM scratch\nCOPY --from=build /a /b\nCOPY --from=0 /a /b", &[]),
    ("FROM scratch\nCOPY --from=handed app /app", &[]),
    ("FROM scratch\nCOPY from=alpine /b", &[]),
    ("FROM scratch\nONBUILD COPY --from=alpine /a /b", &["2 COPY --from=alpine"]),
    // RUN --mount
    ("FROM debian@DIGEST\nRUN --mount=type=bind,from=alpine:3,target=/x true", &["2 RUN --mount=…,from=alpine:3"]),
    (
        "FROM debian@DIGEST\nRUN --mount=target=/a \\\n  --mount=from=alpine,target=/b \\\n  true",
        &["2 RUN --mount=…,from=alpine"],
    ),
    ("FROM debian@DIGEST\nRUN --mount=type=cache,target=/c,from=busybox true", &["2 RUN --mount=…,from=busybox"]),
    ("FROM debian@DIGEST\nRUN --mount=type=cache,target=/c --mount=type=secret,id=from true", &[]),
    ("FROM debian@DIGEST\nRUN cmd --mount=from=alpine", &[]),
    ("FROM debian@DIGEST\nRUN --mount=type=bind,from=alpine@DIGEST true", &[]),
    // ADD
    ("FROM scratch\nADD https://example.com/a.tar /", &["2 ADD https://example.com/a.tar"]),
    ("FROM scratch\nADD --checksum=DIGEST https://example.com/a.tar /", &[]),
    ("FROM scratch\nADD [\"https://example.com/a\", \"/\"]", &["2 ADD https://example.com/a"]),
    ("FROM scratch\nADD https://github.com/acme/tool.git#main /", &["2 ADD https://github.com/acme/tool.git#main"]),
    ("FROM scratch\nADD https://github.com/acme/tool.git /", &["2 ADD https://github.com/acme/tool.git"]),
    ("FROM scratch\nADD https://github.com/acme/tool.git#COMMIT:docs /", &[]),
    ("FROM scratch\nADD https://github.com/acme/tool.git?tag=v1&checksum=COMMIT /", &[]),
    ("FROM scratch\nADD git@github.com:acme/tool.git#v1 /", &["2 ADD git@github.com:acme/tool.git#v1"]),
    ("FROM scratch\nADD ssh://git@github.com/acme/tool#COMMIT /", &[]),
    ("FROM scratch\nARG REV=COMMIT\nADD https://github.com/acme/tool.git#${REV} /", &[]),
    ("ARG SUM=DIGEST\nFROM scratch\nARG SUM\nENV URL=https://example.com/a\nADD --checksum=$SUM $URL /", &[]),
    ("FROM scratch\nENV URL https://example.com/a\nADD $URL /", &["3 ADD $URL"]),
    ("FROM scratch\nADD a.tar src/ ./x.git#main /https://no/", &[]),
    ("FROM scratch\nCOPY https://example.com/a /", &[]),
    // syntax
    ("# syntax=docker/dockerfile:1\nFROM scratch", &["1 # syntax=docker/dockerfile:1"]),
    ("#!/usr/bin/docker\n#SYNTAX = docker/dockerfile:1 x\nFROM scratch", &["2 # syntax=docker/dockerfile:1"]),
    ("# check=skip=all\n# syntax=docker/dockerfile:1\nFROM scratch", &["2 # syntax=docker/dockerfile:1"]),
    ("# syntax=docker/dockerfile:1@DIGEST\nFROM scratch", &[]),
    ("# a comment\n# syntax=docker/dockerfile:1\nFROM scratch", &[]),
    ("\n# syntax=docker/dockerfile:1\nFROM scratch", &[]),
    ("FROM scratch\n# syntax=docker/dockerfile:1", &[]),
    // Nothing to build
    ("", &[]),
    ("COPY --from=alpine /a /b", &[]),
];

#[test]
fn what_can_move_is_reported_with_its_line_and_nothing_else_is() {
    let args = BTreeMap::from([("OWN".to_owned(), "given".to_owned())]);
    for (text, expected) in SNIPPETS {
        assert_eq!(reported(text, &given(&args)), *expected, "{text}");
    }
}

#[test]
fn an_instruction_that_takes_all_of_the_context_is_found_in_what_is_built() {
    let args = BTreeMap::new();
    for text in [
        "FROM scratch\nCOPY . /src",
        "FROM scratch\nCOPY app ./ /src",
        "FROM scratch\nADD --chown=1 / /src",
        "FROM scratch\nCOPY [\".\", \"/src\"]",
        "FROM scratch\nARG DIR=.\nCOPY ${DIR} /src",
        "FROM scratch\nCOPY * /src",
        "FROM scratch\nRUN --mount=target=/src make",
        "FROM scratch\nRUN --mount=type=bind,source=.,target=/src make",
        "FROM scratch AS a\nCOPY . /src\nFROM scratch\nCOPY --from=a /src/x /x",
        "FROM scratch\nONBUILD COPY . /src",
    ] {
        assert!(takes_all(text, &given(&args)).is_some(), "{text}");
    }
    for text in [
        "FROM scratch\nCOPY app /",
        "FROM scratch\nCOPY --from=binaries . /",
        "FROM scratch\nRUN --mount=source=app,target=/src make",
        "FROM scratch\nRUN --mount=type=cache,target=/src make",
        "FROM scratch AS a\nCOPY . /src\nFROM scratch\nCOPY app /",
        "FROM scratch\nADD https://example.com/a /",
    ] {
        assert_eq!(takes_all(text, &given(&args)), None, "{text}");
    }
}

#[test]
fn only_what_the_wanted_stage_needs_is_reported() {
    let args = BTreeMap::new();
    let text = "FROM rust AS Build\nFROM alpine AS test\nFROM build";
    for (target, expected) in [(None, "1 FROM rust"), (Some("TEST"), "2 FROM alpine"), (Some("1"), "2 FROM alpine")] {
        assert_eq!(reported(text, &Given { target, ..given(&args) }), [expected], "{target:?}");
    }
}

#[test]
fn an_image_that_reads_the_dockerfile_and_contexts_that_are_fetched_can_move_too() {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), written(value))).collect::<BTreeMap<_, _>>()
    };
    let args = pairs(&[("BUILDKIT_SYNTAX", "docker/dockerfile:1")]);
    assert_eq!(reported("# syntax=docker/dockerfile:0\nFROM scratch", &given(&args)), [""; 0], "it is not used");
    let contexts = pairs(&[
        ("a", "docker-image://debian:12"),
        ("b", "docker-image://debian@DIGEST"),
        ("c", "https://github.com/acme/tool.git#main"),
        ("d", "https://github.com/acme/tool.git#COMMIT"),
        ("e", "https://example.com/context.tar"),
        ("f", "/srv/folder"),
        ("g", "oci-layout:///srv/layout"),
    ]);
    assert_eq!(
        moving_settings(&args, &contexts),
        [
            ("args.BUILDKIT_SYNTAX".to_owned(), Missing::Digest),
            ("contexts.a".to_owned(), Missing::Digest),
            ("contexts.c".to_owned(), Missing::Commit),
            ("contexts.e".to_owned(), Missing::Checksum),
        ]
    );
}

#[test]
fn a_sentence_says_what_variables_mean() {
    let text = "ARG BASE=debian:11\nFROM ${BASE}";
    let args = BTreeMap::new();
    assert_eq!(
        moving(text, &given(&args))[0].to_string(),
        "`FROM ${BASE}` is `debian:11` here, which is not pinned by digest: the same Dockerfile can give another image \
         tomorrow"
    );
}
