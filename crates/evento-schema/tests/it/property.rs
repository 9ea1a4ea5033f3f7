//! What must hold for every schema and every datum, over schemas and data made from random seeds.

use evento_schema::avro::{Checked, JsonOptions, Plan, Schema, check, from_json, from_json_value, to_json};
use proptest::prelude::*;

use crate::generate::{Chance, damage, datum, disturb, evolve, schema};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn canonical_bytes_are_stable_and_survive_json(seed: u64) {
        let chance = &mut Chance(seed);
        let json = schema(chance);
        let schema = Schema::parse(&json.to_string()).unwrap();
        if !schema.ambiguities().is_empty() {
            return Ok(());
        }
        for _ in 0..4 {
            let written = datum(chance, &json);
            let canonical = check(&schema, &written).unwrap().into_bytes();
            prop_assert_eq!(check(&schema, &canonical), Ok(Checked::Canonical(&canonical)));
            for long_as_string in [false, true] {
                let mut text = Vec::new();
                to_json(&schema, &written, &JsonOptions { long_as_string }, &mut text).unwrap();
                let read = from_json(&schema, &text);
                prop_assert_eq!(read.as_ref(), Ok(&canonical));
                let value = serde_json::from_slice(&text).unwrap();
                let read = from_json_value(&schema, &value);
                prop_assert_eq!(read.as_ref(), Ok(&canonical));
            }
        }
    }

    #[test]
    fn a_plan_to_the_same_schema_changes_nothing_and_two_plans_agree(seed: u64) {
        let chance = &mut Chance(seed);
        let json = schema(chance);
        let writer = Schema::parse(&json.to_string()).unwrap();
        let same = Plan::compile(&writer, &Schema::parse(&writer.normal_form()).unwrap()).unwrap();
        prop_assert!(same.is_identity());
        let changed = evolve(chance, &json);
        let reader = Schema::parse(&changed.to_string()).unwrap();
        let Ok(plan) = Plan::compile(&writer, &reader) else { return Ok(()) };
        for _ in 0..4 {
            let written = datum(chance, &json);
            let canonical = check(&writer, &written).unwrap().into_bytes();
            let (Ok(first), Ok(second)) = (plan.run(&canonical), plan.run(&written)) else { continue };
            // The result is canonical and does not depend on how the input was written (but a decimal that becomes
            // plain bytes keeps its bytes).
            if !plan.is_identity() && plan.warnings().is_empty() {
                prop_assert_eq!(&first, &second);
            }
            prop_assert_eq!(check(&reader, &first), Ok(Checked::Canonical(&first)));
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_valid_and_never_more(seed: u64) {
        let chance = &mut Chance(seed);
        let json = schema(chance);
        let schema = Schema::parse(&json.to_string()).unwrap();
        let changed = Schema::parse(&evolve(chance, &json).to_string()).unwrap();
        let plan = Plan::compile(&schema, &changed).ok();
        for _ in 0..8 {
            let written = datum(chance, &json);
            let bytes = damage(chance, &written);
            let mut text = Vec::new();
            let told = to_json(&schema, &bytes, &JsonOptions::default(), &mut text);
            let checked = check(&schema, &bytes);
            if let Ok(checked) = &checked {
                prop_assert!(told.is_ok());
                prop_assert_eq!(check(&schema, checked.bytes()), Ok(Checked::Canonical(checked.bytes())));
            }
            if let Some(plan) = &plan && let Ok(result) = plan.run(&bytes) && !plan.is_identity() {
                prop_assert_eq!(check(&changed, &result), Ok(Checked::Canonical(&result)));
            }
        }
    }

    #[test]
    fn a_normal_form_is_a_fixed_point(seed: u64) {
        let json = schema(&mut Chance(seed));
        let schema = Schema::parse(&json.to_string()).unwrap();
        let normal = Schema::parse(&schema.normal_form()).unwrap();
        prop_assert_eq!(normal.normal_form(), schema.normal_form());
        prop_assert_eq!(normal.digest(), schema.digest());
        prop_assert_eq!(normal.layout_id(), schema.layout_id());
    }

    #[test]
    fn disturbed_schemas_are_refused_or_work(seed: u64) {
        let chance = &mut Chance(seed);
        let mut json = schema(chance);
        for _ in 0..3 {
            disturb(chance, &mut json);
            match Schema::parse(&json.to_string()) {
                Ok(schema) => {
                    prop_assert_eq!(Schema::parse(&schema.normal_form()).unwrap().digest(), schema.digest());
                    prop_assert!(Plan::compile(&schema, &schema).is_ok());
                    schema.ambiguities();
                }
                Err(error) => prop_assert_eq!(error.code.0, 2101),
            }
        }
        let text = String::from_utf8_lossy(&damage(chance, json.to_string().as_bytes())).into_owned();
        if let Ok(schema) = Schema::parse(&text) {
            prop_assert!(Plan::compile(&schema, &schema).unwrap().is_identity());
        }
    }
}
