//! `cargo xtask simulate`, the whole binary: worlds that seeds make, and seeds that found something once.

use crate::support::Workspace;

fn plays(seed: &str, count: &str) {
    Workspace::sample().xtask_with(&[], &["simulate", "--seed", seed, "--seeds", count]).ends(0).says("Simulated");
}

#[test]
fn in_worlds_that_seeds_make_commands_say_what_is_true_and_do_what_is_right() {
    let words = ["simulate", "--seed", "1", "--seeds", "250", "--jobs", "2", "--sparse"];
    Workspace::sample().xtask_with(&[], &words).ends(0).says("Simulated 250 worlds");
}

#[test]
fn a_seed_makes_the_same_world_each_time_and_all_of_it_is_told() {
    let told = || {
        let run = Workspace::sample().xtask_with(&[], &["simulate", "--seed", "5"]);
        run.ends(0);
        run.stdout.lines().filter(|line| line.starts_with("  ecs:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (once, twice) = (told(), told());
    assert!(once.len() > 20, "{once:#?}");
    assert_eq!(once.len(), twice.len());
}

#[test]
fn in_worlds_that_seeds_make_a_tag_is_absent_or_every_byte_behind_it_is_right() {
    let words = ["simulate", "--uploads", "--seed", "1", "--seeds", "100", "--jobs", "2"];
    Workspace::sample().xtask_with(&[], &words).ends(0).says("Simulated 100 worlds");
}

/// Of one platform: two that go to one repository from two threads at one moment are told apart by nobody.
#[test]
fn pushes_of_one_seed_go_the_same_way_each_time_however_busy_the_machine_is() {
    for seed in ["1", "14", "22"] {
        // Threads that do something at one moment may say so in any order.
        let told = || {
            let run = Workspace::sample().xtask_with(&[], &["simulate", "--uploads", "--seed", seed]);
            let mut lines: Vec<String> = run.stdout.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let once = told();
        assert!(once.iter().any(|line| line.starts_with("run again: Ok")), "{once:#?}");
        assert_eq!(once, told(), "seed {seed}");
    }
}

#[test]
fn evidence_that_is_said_to_be_there_and_is_not_keeps_an_image_from_its_tag() {
    for seed in ["14", "55", "235", "258"] {
        Workspace::sample().xtask_with(&[], &["simulate", "--uploads", "--seed", seed]).ends(0).says("Simulated");
    }
}

#[test]
fn killed_before_and_after_each_effect_and_run_again_commands_come_to_what_one_run_gives() {
    let run = Workspace::sample().xtask_with(&[("GITHUB_RUN_ID", "1")], &["simulate", "--crashes"]);
    run.ends(0).says("crashes");
}

#[test]
fn two_services_of_a_deploy_that_is_killed_leave_nobody_waiting() {
    plays("75", "1");
}

#[test]
fn a_stale_service_does_not_hide_what_superseded_a_rollout() {
    for seed in ["10083", "10920", "11256"] {
        plays(seed, "1");
    }
}

#[test]
fn a_pause_that_let_a_rollout_go_on_is_not_why_it_failed() {
    plays("10350", "1");
}

#[test]
fn what_goes_back_with_another_goes_to_what_had_come_up() {
    plays("10676", "1");
}

#[test]
fn a_service_without_tasks_is_deployed_when_no_hook_can_turn_it_back_any_more() {
    for seed in ["20269", "20447", "23337"] {
        plays(seed, "1");
    }
}

#[test]
fn a_list_that_is_stale_does_not_make_an_older_rollout_of_the_same_revision_ours() {
    plays("23430", "1");
}

#[test]
fn an_interrupt_while_ecs_has_not_told_what_took_a_rollouts_place_does_not_say_that_it_goes_on() {
    plays("22190", "1");
}

/// One story of those whose table is in the documentation; the others are played at night.
#[test]
fn whatever_befalls_each_call_of_a_story_it_ends_as_the_page_of_faults_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FAULTS.md");
    let words = ["simulate", "--faults", page, "--story", "unlock"];
    Workspace::sample().xtask_with(&[("GITHUB_RUN_ID", "1")], &words).ends(0).says("Simulated");
}
