//! What the template sets up besides functions and routes: alarms, keys, logs and options for administrators. It is compared with
//! `docs/deploy.md`, not with AWS.

use serde_json::{Map, Value, json};

/// The resources, as the file has them: `!Ref X` is `"X"`, `!If [A, b, c]` is `["A", b, c]`.
fn resources() -> Map<String, Value> {
    document()["Resources"].as_object().unwrap().clone()
}

fn document() -> Value {
    serde_saphyr::from_str(include_str!("../template.yaml")).unwrap()
}

/// The resources of a kind, with their properties.
fn of(kind: &str) -> Vec<(String, Value)> {
    let all = resources().into_iter().filter(|(_, resource)| resource["Type"] == kind);
    let all: Vec<_> = all.map(|(name, resource)| (name, resource["Properties"].clone())).collect();
    assert!(!all.is_empty(), "{kind}");
    all
}

#[test]
fn every_function_but_two_has_its_alarms() {
    let (resources, alarms) = (resources(), of("AWS::CloudWatch::Alarm"));
    let watches = |alarm: &Value, metric: &str, function: &str| {
        let on = json!([{"Name": "FunctionName", "Value": function}]);
        let one = |stat: &Value| {
            stat["Namespace"] == "AWS/Lambda" && stat["MetricName"] == metric && stat["Dimensions"] == on
        };
        one(alarm) || alarm["Metrics"].as_array().into_iter().flatten().any(|stat| one(&stat["MetricStat"]["Metric"]))
    };
    let functions = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    let without: Vec<&String> = functions
        .map(|(name, _)| name)
        .filter(|name| {
            ["Errors", "Throttles"].iter().any(|metric| !alarms.iter().any(|(_, alarm)| watches(alarm, metric, name)))
        })
        .collect();
    // As docs/deploy.md says.
    assert_eq!(without, ["CourierKeyFunction", "SampleFunction"]);
}

#[test]
fn alarms_over_several_metrics_are_such_as_cloudwatch_takes() {
    for (name, alarm) in of("AWS::CloudWatch::Alarm") {
        let Some(metrics) = alarm["Metrics"].as_array() else { continue };
        let (shown, measured): (Vec<_>, Vec<_>) = metrics.iter().partition(|metric| metric["ReturnData"] == true);
        assert_eq!(shown.len(), 1, "{name}");
        assert!(measured.len() <= 10, "{name}");
        if name.ends_with("ThrottlesAlarm") {
            assert_eq!(shown[0]["Expression"], "SUM(METRICS())", "{name}");
            assert!(measured.iter().all(|metric| metric["MetricStat"]["Stat"] == "Sum"), "{name}");
        }
    }
}

/// CloudFormation takes 500. SAM makes a role for each function.
#[test]
fn a_stack_leaves_room_for_further_functions() {
    let (all, functions) = (resources().len(), of("AWS::Serverless::Function").len());
    assert!(all + functions <= 300, "{all} resources, and the roles of {functions} functions");
}

#[test]
fn retained_resources_have_no_fixed_name() {
    let kept: Vec<_> = resources().into_iter().filter(|(_, resource)| resource["DeletionPolicy"].is_array()).collect();
    let kinds: std::collections::BTreeSet<&str> = kept.iter().filter_map(|(_, kept)| kept["Type"].as_str()).collect();
    let expected = ["AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    for (name, resource) in kept {
        assert_eq!(resource["DeletionPolicy"], resource["UpdateReplacePolicy"], "{name}");
        for fixed in ["TableName", "Name"] {
            assert!(resource["Properties"].get(fixed).is_none(), "{name}: the next stack could not make its own");
        }
        // API Gateway's logs need a path, and get the stack's id into it.
        if let Some(path) = resource["Properties"].get("LogGroupName") {
            assert!(
                path[0].as_str().is_some_and(|path| path.starts_with("/aws/vendedlogs/") && path.ends_with("${Id}")),
                "{name}: {path}"
            );
        }
    }
}

#[test]
fn every_alarm_notifies_the_configured_topic() {
    for (name, alarm) in of("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["AlarmActions"], json!(["HasAlarmTopic", ["AlarmTopicArn"], "AWS::NoValue"]), "{name}");
    }
}

#[test]
fn infrastructure_failures_have_alarms() {
    let alarms = of("AWS::CloudWatch::Alarm");
    for metric in [
        "5xx",
        "Latency",
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
        "IteratorAge",
        "Reputation.BounceRate",
        "Reputation.ComplaintRate",
    ] {
        let has = alarms.iter().any(|(_, alarm)| alarm.to_string().contains(&format!("\"MetricName\":\"{metric}\"")));
        assert!(has, "no alarm looks at {metric}");
    }
    let (_, throttled) = alarms.iter().find(|(name, _)| name == "TablesThrottledAlarm").unwrap();
    for (table, _) in of("AWS::DynamoDB::Table") {
        for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] {
            let stat = json!({"Namespace": "AWS/DynamoDB", "MetricName": metric, "Dimensions": [{"Name": "TableName", "Value": table}]});
            let mut all = throttled["Metrics"].as_array().unwrap().iter();
            assert!(all.any(|one| one["MetricStat"]["Metric"] == stat), "no alarm when {table} has {metric}");
        }
    }
}

#[test]
fn customer_key_encrypts_all_stored_data() {
    let key = json!(["HasKmsKey", "KmsKeyArn", "AWS::NoValue"]);
    for (kind, place) in [
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId"),
        ("AWS::SecretsManager::Secret", "/KmsKeyId"),
        ("AWS::SQS::Queue", "/KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "/KmsKeyId"),
    ] {
        for (name, properties) in of(kind) {
            // API Gateway writes these itself, and they hold no secret.
            if properties["LogGroupName"].to_string().contains("/aws/vendedlogs/") {
                continue;
            }
            assert_eq!(properties.pointer(place), Some(&key), "{name}");
        }
    }
}

#[test]
fn costly_or_personal_options_are_off_by_default() {
    let document = document();
    let parameter = |name: &str| document["Parameters"][name]["Default"].clone();
    for (name, off) in [
        ("LogClientAddress", json!("false")),
        ("Tracing", json!("Disabled")),
        ("LoginConcurrency", json!(0)),
        ("AlarmTopicArn", json!("")),
        ("KmsKeyArn", json!("")),
        ("SampleProtectedRoute", json!("false")),
    ] {
        assert_eq!(parameter(name), off, "{name}");
    }
    assert_eq!(document["Globals"]["Function"]["Tracing"], "Tracing");
    let (all, reserved) = (resources(), json!(["HasLoginConcurrency", "LoginConcurrency", "AWS::NoValue"]));
    assert_eq!(all["LoginSubmitFunction"]["Properties"]["ReservedConcurrentExecutions"], reserved);
    let format = |stage: &str| all[stage]["Properties"]["AccessLogSettings"]["Format"].to_string();
    assert!(format("AdminStage").contains("$context.identity.userArn"), "an administrator is named");
    let public = format("PublicStage");
    assert!(public.contains(r#"{"Address":["HasClientAddress","#), "{public}");
    assert_eq!(public.matches("$context.identity.sourceIp").count(), 1, "{public}");
}

#[test]
fn courier_sends_only_from_configured_address() {
    let courier = resources()["CourierFunction"]["Properties"]["Policies"].to_string();
    let from = r#"{"StringEqualsIgnoreCase":{"ses:FromAddress":"MailFrom"}}"#;
    assert!(courier.contains(&format!(r#""Condition":["HasMailFrom",{from},"AWS::NoValue"]"#)), "{courier}");
}

#[test]
fn pages_call_the_apis_own_address() {
    let address = resources()["UiFunction"]["Properties"]["Environment"]["Variables"]["LATCHKEY_API_URL"].to_string();
    assert!(address.contains("${PublicApi}.execute-api.") && !address.contains("PublicBaseUrl"), "{address}");
}

/// The level of a function's package is that of its whole program, and a hash needs the highest.
#[test]
fn functions_that_hash_passwords_are_optimised_for_it() {
    let manifest = include_str!("../Cargo.toml");
    let functions = resources();
    let hashing = functions.values().filter(|function| function["Properties"]["MemorySize"] == "HashingMemory");
    let binaries: Vec<&str> =
        hashing.filter_map(|function| function["Metadata"]["BuildProperties"]["Binary"].as_str()).collect();
    assert!(!binaries.is_empty());
    for binary in binaries {
        assert!(manifest.contains(&format!("[profile.release.package.{binary}]\nopt-level = 3\n")), "{binary}");
    }
}
