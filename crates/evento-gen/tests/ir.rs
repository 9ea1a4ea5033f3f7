//! What the intermediate form says about the project with everything in it, and what is refused.

#[path = "common/project.rs"]
mod project;

use evento_gen::ir::{Literal, Shape, TimeUnit, Type};
use evento_gen::{GenerateError, Ir};
use evento_schema::binding::parse_schema_list;
use evento_schema::resource::{ResourceSet, SourceFile, parse_set};
use serde_json::Value;

/// Type of a field.
fn kind<'a>(ir: &'a Ir, record: &str, field: &str) -> &'a Type {
    &self::field(ir, record, field).kind
}

fn field<'a>(ir: &'a Ir, ident: &str, field: &str) -> &'a evento_gen::ir::Field {
    let declared = ir.types.iter().find(|declared| declared.ident == ident).expect("declared");
    let Shape::Record(record) = &declared.shape else { panic!("{ident} is no record") };
    record.fields.iter().find(|known| known.name == field).expect("a field")
}

#[test]
fn every_type_of_avro_is_told_apart() {
    let ir = project::ir("everything");
    let digest = || Type::Fixed { full_name: "everything.Digest".into(), size: 4 };
    let cases = [
        ("flag", Type::Boolean),
        ("small", Type::Int),
        ("nothing", Type::Null),
        ("digest", digest()),
        ("again", digest()),
        ("list", Type::Array(Box::new(Type::Long))),
        ("perhaps", Type::Optional { item: Box::new(Type::String), null_first: true }),
        ("backward", Type::Optional { item: Box::new(Type::Int), null_first: false }),
        ("price", Type::Decimal { precision: 12, scale: 2, fixed: None }),
        ("rate", Type::Decimal { precision: 16, scale: 6, fixed: Some(8) }),
        ("id", Type::Uuid { fixed: false }),
        ("key", Type::Uuid { fixed: true }),
        ("at", Type::Timestamp(TimeUnit::Millis)),
        ("exactly", Type::Timestamp(TimeUnit::Micros)),
        ("day", Type::Date),
        ("hour", Type::Int),
        ("local", Type::Long),
        ("span", Type::Fixed { full_name: "everything.Span".into(), size: 12 }),
    ];
    for (name, wanted) in cases {
        assert_eq!(*kind(&ir, "Thing", name), wanted, "{name}");
    }
}

#[test]
fn types_come_after_what_they_use_and_recursive_ones_are_marked() {
    let ir = project::ir("everything");
    let names: Vec<&str> = ir.types.iter().map(|declared| declared.ident.as_str()).collect();
    let at = |name: &str| names.iter().position(|known| *known == name).expect("declared");
    assert!(at("Colour") < at("Thing") && at("EverythingLine") < at("ThingChoice") && at("ThingChoice") < at("Thing"));
    assert!(names.contains(&"EverythingLine"), "{names:?}");
    let recursive = ir.types.iter().filter_map(|declared| match &declared.shape {
        Shape::Record(record) if record.recursive => Some(declared.ident.as_str()),
        _ => None,
    });
    assert_eq!(recursive.collect::<Vec<_>>(), ["Leaf", "Tree"]);
}

#[test]
fn branches_of_a_union_have_names() {
    let ir = project::ir("everything");
    let Type::Union(id) = kind(&ir, "Thing", "choice") else { panic!("a union") };
    let Shape::Union(union) = &ir.declared(*id).shape else { panic!("a union") };
    let idents: Vec<&str> = union.branches.iter().map(|branch| branch.ident.as_str()).collect();
    assert_eq!(
        (ir.ident(*id), &idents[..]),
        ("ThingChoice", &["Null", "String", "Long", "Boolean", "Array", "Line"][..])
    );
}

#[test]
fn defaults_have_the_shape_of_their_types() {
    let ir = project::ir("everything");
    let cases = [
        ("number", Literal::Integer(-9_007_199_254_740_993)),
        ("raw", Literal::Bytes(vec![0, 255])),
        ("colour", Literal::Symbol(0)),
        ("table", Literal::Entries(vec![("a".into(), Literal::Integer(1)), ("b".into(), Literal::Integer(2))])),
        ("line", Literal::Fields(vec![Literal::Text("one".into()), Literal::Integer(1)])),
        ("perhaps", Literal::Null),
        ("choice", Literal::Branch(0, Box::new(Literal::Text("chosen".into())))),
        ("price", Literal::Bytes(vec![4, 210])),
    ];
    for (name, wanted) in cases {
        assert_eq!(field(&ir, "Put", name).default, Some(wanted), "{name}");
    }
}

#[test]
fn rejections_go_through_apply_only_when_their_resource_says_so() {
    let ir = project::ir("everything");
    let thing = ir.entities.iter().find(|entity| entity.resource == "thing").expect("there");
    let applied: Vec<&str> = thing.applied().map(|event| event.resource.as_str()).collect();
    let rejections: Vec<&str> = thing.rejections().map(|event| event.resource.as_str()).collect();
    assert_eq!(applied, ["thing-put", "thing-dropped", "put-counted"]);
    assert_eq!(rejections, ["put-refused", "put-counted"]);
    assert_eq!(thing.commands[0].emits, [0, 2, 3]);
}

#[test]
fn the_manifest_defines_each_type_once_and_evento_reads_it() {
    for entity in &project::ir("everything").entities {
        let manifest: Value = serde_json::from_str(&entity.manifest).expect("JSON");
        let list = manifest["schemas"].as_array().expect("a list");
        let schemas = parse_schema_list(list).expect("Evento takes them");
        for event in &entity.events {
            assert!(schemas.keys().any(|name| name.as_str() == event.full_name), "{}", event.full_name);
        }
        assert_eq!(manifest["entities"][0]["name"], entity.full_name);
        assert!(!entity.manifest.contains("\"doc\""));
    }
}

#[test]
fn an_entity_is_chosen_by_any_of_its_names_and_only_its_types_are_made() {
    for name in ["shelf", "everything.Shelf", "Shelf"] {
        let ir = Ir::build(&project::set("everything"), &[name.to_owned()]).expect("there");
        let names: Vec<&str> = ir.types.iter().map(|declared| declared.ident.as_str()).collect();
        assert_eq!(names, ["Colour", "Line", "Shelf", "PaintShelf", "ShelfPainted"], "{name}");
    }
    let unknown = Ir::build(&project::set("everything"), &["shelve".to_owned()]);
    assert!(matches!(unknown, Err(GenerateError::UnknownEntity { near, .. }) if near == ["shelf"]));
}

fn parse(text: &str) -> ResourceSet {
    let file = SourceFile { path: "a.yaml".into(), folder: None, text: text.into() };
    parse_set(&[file], &Default::default()).expect("each document is fine")
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let entity = |fields: &str| {
        format!(
            "{{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {{name: a}}, \
             spec: {{schema: {{type: record, name: A, namespace: t, fields: [{fields}]}}}}}}\n---\n"
        )
    };
    let event = |fields: &str, annotation: &str| {
        format!(
            "{{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {{name: b, annotations: {{evento.dev/apply: \
             {annotation}}}}}, spec: {{entity: a, rejection: true, schema: {{type: record, name: B, namespace: t, \
             fields: [{fields}]}}}}}}\n"
        )
    };
    let shape = |size: u32| format!("{{name: f, type: {{type: fixed, name: F, size: {size}}}}}");
    let build = |text: String| Ir::build(&parse(&text), &[]);
    assert!(matches!(build(String::new()), Err(GenerateError::NoEntity)));
    assert!(build(entity(&shape(1)) + &event(&shape(1), "'false'")).is_ok());
    let two = build(entity(&shape(1)) + &event(&shape(2), "'true'"));
    assert!(
        matches!(&two, Err(GenerateError::TwoShapes { name }) if name == "t.F")
            || matches!(&two, Err(GenerateError::Resources(_))),
        "{two:?}"
    );
    let odd = build(entity("") + &event("", "'yes'"));
    assert!(matches!(odd, Err(GenerateError::Annotation { value, .. }) if value == "yes"));
    let alone = build(event("", "'true'"));
    assert!(matches!(alone, Err(GenerateError::Resources(findings)) if !findings.is_empty()));
}
