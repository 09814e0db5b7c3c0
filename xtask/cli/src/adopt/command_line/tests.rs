use super::*;

fn one(script: &str) -> Line {
    let commands = commands(script);
    assert_eq!(commands.len(), 1, "{commands:?}");
    read(&commands[0]).expect("a known command")
}

#[test]
fn a_docker_build_is_an_image() {
    let line = one(
        "docker buildx build -t \0/shop/api:\0 -t \0/shop/api:latest --build-arg \"A=b c\" \\\n  --platform linux/amd64,linux/arm64 --cache-to type=gha,mode=max --push -f docker/api.Dockerfile ./services",
    );
    let built = Built {
        repository: "shop/api".into(),
        dockerfile: "docker/api.Dockerfile".into(),
        context: "services".into(),
        args: vec![("A".into(), "b c".into())],
        platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
        cache: Some("gha"),
        tags: vec!["\0/shop/api:\0".into(), "\0/shop/api:latest".into()],
        ..Built::default()
    };
    assert_eq!(line, Line::Build(built));
    let Line::Build(plain) = one("docker build --tag=\0/api:1 services/api") else { panic!("a build") };
    assert_eq!((plain.dockerfile.as_str(), plain.context.as_str()), ("services/api/Dockerfile", "services/api"));
}

#[test]
fn each_tool_names_cluster_and_service_in_its_own_way() {
    let plain = |line| match line {
        Line::Deploy(Deployed { cluster, service, containers, desired_count, seconds, force, left, family }) => {
            assert!(family.is_none_or(|family| family == "api-task"));
            let containers: Vec<String> = containers.iter().map(|(name, of)| format!("{name}={of}")).collect();
            format!("{cluster} {service} [{}] {desired_count:?} {seconds:?} {force} {left:?}", containers.join(" "))
        }
        other => panic!("{other:?}"),
    };
    for (script, read) in [
        (
            "aws ecs update-service --cluster shop --service=api --force-new-deployment --health-check-grace-period-seconds 9",
            "shop api [] None None true [\"--health-check-grace-period-seconds\"]",
        ),
        (
            "ecs deploy shop api -i web \0/shop/web:\0 --timeout 900 -e web LOG debug --no-deregister",
            "shop api [web=shop/web] None Some(900) false [\"-e\"]",
        ),
        ("ecs deploy --timeout=600 --region=\0 --tag \0 shop api", "shop api [] None Some(600) false []"),
        ("ecs deploy --tag \0 shop api", "shop api [] None None false []"),
        (
            "aws --region eu-west-1 --no-cli-pager ecs update-service --cluster shop --service api --task-definition arn:aws:ecs:r:1:task-definition/api-task:3 > /dev/null",
            "shop api [] None None false []",
        ),
        (
            "docker run --rm -e AWS_REGION silintl/ecs-deploy:4 --cluster shop --service-name api -i 1.dkr.ecr.r.amazonaws.com/web:\0",
            "shop api [web=web] None None false []",
        ),
        ("docker run fabfuel/ecs-deploy:1.15.0 ecs deploy shop api", "shop api [] None None false []"),
        ("bash ./bin/ecs-deploy -c shop -n api -i \0/web", "shop api [web=web] None None false []"),
        (
            "ecs-deploy -c shop -n api -i 1.dkr.ecr.r.amazonaws.com/shop/web:\0 -D 3 -t 600 -m 50",
            "shop api [web=shop/web] Some(\"3\") Some(600) false [\"-m\"]",
        ),
    ] {
        assert_eq!(plain(one(script)), read, "{script}");
    }
}

#[test]
fn a_family_that_is_written_into_a_file_is_known_by_the_file() {
    let line =
        one("aws ecs describe-task-definition --task-definition shop-api \\\n  --query taskDefinition > ./task.json");
    assert_eq!(line, Line::Live { family: "shop-api".into(), file: Some("task.json".into()) });
}

#[test]
fn a_file_that_is_made_of_another_one_is_known_by_that() {
    let filled = |file: &str, from: Option<&str>| Line::Filled { file: file.into(), from: from.map(str::to_owned) };
    for (script, line) in [
        ("jq --arg role \0 '.taskRoleArn = \0role' task.json > new.json", filled("new.json", Some("task.json"))),
        ("envsubst < task.tpl.json > new.json", filled("new.json", Some("task.tpl.json"))),
        ("jq '.taskDefinition' > new.json", filled("new.json", None)),
        (
            "TASK=\0(aws ecs describe-task-definition --task-definition api)",
            Line::Live { family: "api".into(), file: None },
        ),
        ("(cd services/api", Line::Folder("services/api".into())),
    ] {
        assert_eq!(one(script), line, "{script}");
    }
}

#[test]
fn an_option_is_no_other_options_value() {
    let Line::Build(built) = one("docker build --target --push --build-arg --load -t \0/shop/api --platform --pull .")
    else {
        panic!("a build")
    };
    assert_eq!((built.target.as_str(), built.repository.as_str(), built.context.as_str()), ("", "shop/api", "."));
    assert!(built.args.is_empty() && built.platforms.is_empty(), "{built:?}");
    let Line::Deploy(deployed) = one("aws ecs update-service --cluster --service api --desired-count -1") else {
        panic!("a deploy")
    };
    assert_eq!((deployed.cluster.as_str(), deployed.service.as_str()), ("", "api"));
    assert_eq!(deployed.desired_count.as_deref(), Some("-1"), "a number is a value");
    let Line::Deploy(deployed) = one("ecs deploy --timeout --rollback shop api") else { panic!("a deploy") };
    assert_eq!((deployed.cluster.as_str(), deployed.service.as_str(), deployed.seconds), ("shop", "api", None));
}

#[test]
fn a_script_is_its_commands() {
    let script = "# none\nset -e; docker login x\ncargo test && docker push \"a b\" | tee log\n";
    let commands: Vec<String> = commands(script).iter().map(|words| words.join(" ")).collect();
    assert_eq!(commands, ["set -e", "docker login x", "cargo test", "docker push a b", "tee log"]);
}
