//! Help texts: the verbs with their arguments, kept so that a change of them is seen.

use std::path::Path;

use expect_test::{Expect, expect};

use crate::server::run_in;

fn help(verb: &str, expected: &Expect) {
    let run = run_in(Path::new("."), &[], &format!("{verb} --help"), "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    // The options of every verb are checked once.
    let own =
        if verb.is_empty() { run.stdout.as_str() } else { run.stdout.split("\nEvery verb:\n").next().unwrap_or("") };
    // Trailing blanks are nothing that a person sees, and editors drop them.
    let own: String = own.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expected.assert_eq(&own);
}

#[test]
fn the_program() {
    help(
        "",
        &expect![[r#"
            The platform for event sourcing: commands in, two pure functions per entity, durable events out

            Usage: evento [OPTIONS] <COMMAND>

            Commands:
              init         Make a project that runs
              gen          Make typed code of the schemas: types, codecs, and the interface a function
                           implements
              dev          Run Evento with the functions of this folder, and watch them
              serve        Run Evento for good
              verify       Replay events and compare with the stored states
              backup       Write everything up to one commit into an archive, while Evento runs
              restore      Make a data directory from an archive
              check        Judge a data directory against a history of what clients were told
              torture      Kill, pause, cut off and fill a server under load, and judge what it told and kept
              bench        Measure speed and weight, and check that nothing acknowledged is missing
              apply        Register resources: a set of files, all or nothing
              diff         Show what apply would change
              render       Print the documents with every named file in its place
              get          List resources, or show one
              describe     Show a resource with its status
              delete       Delete resources
              send         Send a command to an instance and tell its outcome
              state        Show the state of an instance: now, at a version, at a time
              history      List the events of an instance
              tail         Follow events as they happen
              command      Look after commands: list, get, retry, park, abandon [alias: cmd]
              function     Look after functions: list, describe, logs, invoke [alias: fn]
              group        Look at the consumer groups of Kafka clients: list, describe
              topic        Look at the topics that Kafka clients see: list, describe, refused
              schema       Check schemas without a server, or print the schema of a function's input
              conformance  Ask a function whether it keeps the rules of the function protocol
              explain      Explain an error code
              config       Show configuration and contexts
              completion   Write a completion script
              version      Show the versions of this program and of the server

            Options:
              -h, --help
                      Print help (see a summary with '-h')

              -V, --version
                      Print version

            Every verb:
                  --address <URL>
                      The Evento to speak with [env: EVENTO_ADDRESS] [default: the one at http.listen]

                  --context <NAME>
                      A named Evento of the user's configuration file [env: EVENTO_CONTEXT]

              -o, --output <FORM>
                      The form of data on stdout

                      Possible values:
                      - table:       Aligned columns, cut to the terminal
                      - wide:        Aligned columns, nothing cut
                      - json:        One JSON document
                      - jsonl:       One JSON object per line
                      - yaml:        One YAML document
                      - name:        Only names or ids, one per line
                      - cloudevents: CloudEvents in JSON, one per line (events only)
                      - junit:       JUnit XML (conformance only)

                      [default: table]

                  --time-format <HOW>
                      How times look in tables

                      Possible values:
                      - human:   "3m ago"
                      - rfc3339: "2026-11-23T06:00:00.123Z"

                      [default: human]

                  --color <WHEN>
                      Colours

                      Possible values:
                      - auto:   On a terminal, unless NO_COLOR is set; also when CLICOLOR_FORCE is set
                      - always: Always
                      - never:  Never

                      [default: auto]

              -q, --quiet
                      Errors only

              -v, --verbose...
                      Notes; twice for HTTP requests

            Exit codes:
                0  done
                1  other failure, also a fault of Evento
                2  wrong usage, or a command body that does not fit its schema
                3  not found
                4  the command was rejected
                5  conflict: --if-seq not met, or the idempotency key was used with another payload
                6  not finished when the wait ended: queued, waiting, retrying or parked
                7  cannot connect, or overloaded after the client's own retries
                8  not authenticated or not permitted
                9  a check failed or differences exist
               10  the command was abandoned
               75  the data directory is in use by another process

            Errors carry a code: evento explain EV1001
        "#]],
    );
}

#[test]
fn send() {
    help(
        "send",
        &expect![[r#"
            Send a command to an instance and tell its outcome

            Usage: evento send [OPTIONS] <INSTANCE> <COMMAND> [FIELD=VALUE]...

            Arguments:
              <INSTANCE>
                      The instance, ENTITY/ID

              <COMMAND>
                      The command type: withdraw-cash, bank.WithdrawCash or WithdrawCash

              [FIELD=VALUE]...
                      Fields as name=value, read by the schema; dotted names for nested records

            Options:
              -f, --file <FILE>
                      The body as JSON from a file, - for standard input

                  --avro <FILE>
                      The body as one Avro datum from a file, - for standard input

                  --idempotency-key <KEY>
                      The command's id; the same id and body again give the first outcome

                  --if-seq <N|none>
                      Only if the instance is at this sequence, or has no events yet (none)

                  --wait <TIME>
                      How long to wait for the outcome
          
                      [default: 10s]

                  --async
                      Do not wait: done as soon as the command is stored

                  --correlation-id <ID>
                      Stored with the command and passed on to its events

              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}

#[test]
fn apply() {
    help(
        "apply",
        &expect![[r#"
            Register resources: a set of files, all or nothing

            Usage: evento apply [OPTIONS] --file <FILE|DIR|->

            Options:
              -f, --file <FILE|DIR|->
                      A file, a folder, or - for standard input; may be given several times

              -R, --recursive
                      Also read folders within folders

                  --dry-run
                      Check everything, also start and check functions, but change nothing

                  --wait <BOOL>
                      false returns after the static checks, before functions are rolled out
          
                      [default: true]
                      [possible values: true, false]

              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}

#[test]
fn command() {
    help(
        "command",
        &expect![[r#"
            Look after commands: list, get, retry, park, abandon

            Usage: evento command [OPTIONS] <COMMAND>

            Commands:
              list     List unfinished commands
              groups   Unfinished commands by the error that holds them
              get      Show a command: its outcome, or where it stands and why
              retry    Try parked or waiting commands again at once
              park     Park commands: they wait for a person, and their instance goes on
              abandon  Give commands up for ever; an event tells it

            Options:
              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
    help(
        "command abandon",
        &expect![[r#"
            Give commands up for ever; an event tells it

            Usage: evento command abandon [OPTIONS] --reason <TEXT> [COMMANDS]...

            Arguments:
              [COMMANDS]...
                      ENTITY/ID/COMMAND-ID, or the command id alone when it is unique

            Options:
                  --all
                      Every unfinished command with this error

                  --fingerprint <F>
                      The error, as command groups shows it

                  --reason <TEXT>
                      Why, for the event

              -y, --yes
                      Do not ask

              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}

#[test]
fn function() {
    help(
        "function",
        &expect![[r#"
            Look after functions: list, describe, logs, invoke

            Usage: evento function [OPTIONS] <COMMAND>

            Commands:
              list      List functions with revision and state
              describe  Show a function: state, revision, breaker, last error
              logs      Show what a function wrote
              rollback  Go back to the revision that served before
              invoke    Try a command on a state; nothing is written [alias: test]

            Options:
              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}
