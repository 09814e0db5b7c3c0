//! The minimum and maximum percent hold at every moment of a rollout.

use serde_json::{Value, json};

use super::world::{World, breaker, crash};
use crate::ecs::state::task::Phase;

/// Tasks that serve, and tasks that are there.
fn counts(world: &World) -> (u64, u64) {
    let serving = world.ecs.tasks.values().filter(|task| task.is_healthy()).count() as u64;
    let present = world.ecs.tasks.values().filter(|task| task.phase <= Phase::Running).count() as u64;
    (serving, present)
}

/// Every event of a rollout, one by one, until nothing is planned any more.
fn watch(world: &mut World, lower: u64, upper: u64, what: &str) {
    let end = world.now.0 + 7_200_000;
    while let Some(next) = world.ecs.next_event().filter(|next| next.0 < end) {
        world.now = next;
        world.ecs.advance(next, &world.images);
        let (serving, present) = counts(world);
        assert!(serving >= lower, "{what}: {serving} of at least {lower} serve");
        assert!(present <= upper, "{what}: {present} of at most {upper} are there");
    }
}

#[test]
fn the_bounds_hold_for_every_configuration() {
    let health = json!({ "healthCheck": { "command": ["CMD", "true"], "interval": 7 } });
    let balancers =
        json!({ "loadBalancers": [{ "targetGroupArn": "arn:group", "containerName": "app", "containerPort": 8080 }] });
    for (definition, service) in [(json!({}), json!({})), (health, json!({})), (json!({}), balancers)] {
        for desired in [1, 2, 3, 4, 5, 8] {
            for minimum in [0, 33, 50, 75, 100] {
                for maximum in [100, 125, 150, 200, 300] {
                    if minimum == 100 && maximum == 100 {
                        continue;
                    }
                    one_rollout(desired, minimum, maximum, &definition, &service);
                }
            }
        }
    }
}

fn one_rollout(desired: u64, minimum: u64, maximum: u64, definition: &Value, service: &Value) {
    let what = format!("desired {desired}, minimum {minimum} %, maximum {maximum} %");
    let lower = (desired * minimum).div_ceil(100);
    let upper = desired * maximum / 100;
    let mut world = World::new();
    world.register("own/app:1", definition.clone());
    let configuration = json!({ "minimumHealthyPercent": minimum, "maximumPercent": maximum });
    world.create(desired, configuration, service.clone());
    world.settle();
    assert_eq!(counts(&world), (desired, desired), "{what}");
    world.release("own/app:2", definition.clone());
    watch(&mut world, lower, upper, &what);
    // Where neither bound leaves room for one task, ECS is stuck, and says so.
    if lower == desired && upper == desired {
        assert_eq!(world.rollout()["status"], "IN_PROGRESS", "{what}");
        assert!(world.said("was unable to stop or start tasks during a deployment"), "{what}");
    } else {
        assert_eq!(world.rollout()["status"], "SUCCESSFUL", "{what}");
        assert_eq!(counts(&world), (desired, desired), "{what}");
    }
}

#[test]
fn a_failing_rollout_of_checked_tasks_never_goes_below_the_minimum() {
    for desired in 1..=9 {
        let health = json!({ "healthCheck": { "command": ["CMD", "true"] } });
        let mut world = World::new();
        world.register("own/app:1", health.clone());
        world.create(desired, breaker(), json!({}));
        world.settle();
        world.behave(Some(1), crash());
        world.release("own/app:2", health);
        watch(&mut world, desired, 2 * desired, &format!("desired {desired}"));
        assert_eq!(world.rollout()["status"], "ROLLBACK_SUCCESSFUL");
    }
}

#[test]
fn the_threshold_can_be_configured() {
    for (kind, value, desired, threshold) in [
        ("COUNT", 1, 100, 1),
        ("COUNT", 500, 2, 500),
        ("UNBOUNDED_PERCENT", 50, 800, 400),
        ("UNBOUNDED_PERCENT", 10, 5, 1),
        ("BOUNDED_PERCENT", 10, 100, 10),
        ("BOUNDED_PERCENT", 10, 10, 3),
    ] {
        let mut world = World::new();
        world.register("own/app:1", json!({}));
        let mut configuration = breaker();
        configuration["deploymentCircuitBreaker"]["thresholdConfiguration"] = json!({ "type": kind, "value": value });
        world.create(desired, configuration, json!({}));
        assert_eq!(world.rollout()["deploymentCircuitBreaker"]["threshold"], threshold);
    }
}

#[test]
fn the_threshold_is_half_the_desired_count_between_3_and_200() {
    for (desired, threshold) in [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (401, 200), (5000, 200)] {
        let mut world = World::new();
        world.register("own/app:1", json!({}));
        world.create(desired, breaker(), json!({}));
        assert_eq!(world.rollout()["deploymentCircuitBreaker"]["threshold"], threshold);
    }
}
