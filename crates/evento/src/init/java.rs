//! The template `java`: the bank's account on the Java SDK. Until the SDK can be had from Maven's central repository, the
//! project brings its own copy in `vendor/evento-sdk-java/`, a source folder that `pom.xml` and `run-function` name.

use super::File;

/// What is the project's own.
pub(super) const OWN: &[File] = &[
    file!("resources/account.yaml", "../../../../examples/bank/resources/account.yaml"),
    file!("resources/function.yaml", "../../../../examples/bank-java/resources/function.yaml"),
    file!("src/main/java/bank/Accounts.java", "../../../../examples/bank-java/src/main/java/bank/Accounts.java"),
    file!(
        "src/test/java/bank/AccountsTest.java",
        "../../../../examples/bank-java/src/test/java/bank/AccountsTest.java"
    ),
    file!(
        "pom.xml",
        "../../../../examples/bank-java/pom.xml",
        &[
            ("../../sdk/java/src/main/java", "vendor/evento-sdk-java"),
            ("<artifactId>bank-java</artifactId>", "<artifactId>accounts</artifactId>"),
            ("Tests of the bank in Java", "Tests of the account"),
        ],
        false
    ),
    file!(
        "run-function",
        "../../../../examples/bank-java/run-function",
        &[("sdk=../../sdk/java/src/main/java", "sdk=vendor/evento-sdk-java")],
        true
    ),
    file!("evento.toml", "../../templates/python/evento.toml"),
    file!("README.md", "../../templates/java/README.md"),
    file!(".gitignore", "../../templates/java/gitignore"),
];

/// What `evento gen java` makes of the bank's resources.
macro_rules! generated {
    ($($name:literal)*) => {
        &[$(file!(
            concat!("generated/bank/", $name, ".java"),
            concat!("../../../../examples/bank-java/generated/bank/", $name, ".java")
        )),*]
    };
}

/// Code made of the schemas.
pub(super) const GENERATED: &[File] = generated! {
    "Account"
    "AccountClosed"
    "AccountClosingRejected"
    "AccountCommand"
    "AccountEvent"
    "AccountFunction"
    "AccountHost"
    "AccountOpened"
    "AccountOpeningRejected"
    "CashWithdrawn"
    "CloseAccount"
    "CloseAccountResult"
    "DepositReceived"
    "DepositRejected"
    "OpenAccount"
    "OpenAccountResult"
    "ReceiveDeposit"
    "ReceiveDepositResult"
    "TransferOut"
    "TransferOutResult"
    "TransferRejected"
    "TransferSent"
    "WithdrawCash"
    "WithdrawCashResult"
    "WithdrawalRejected"
};

/// Files of the SDK as a project needs them: without tests, and without the module's declaration.
macro_rules! sdk {
    ($($name:literal)*) => {
        &[
            file!("vendor/evento-sdk-java/README.md", "../../../../sdk/java/README.md"),
            $(file!(
                concat!("vendor/evento-sdk-java/dev/evento/", $name, ".java"),
                concat!("../../../../sdk/java/src/main/java/dev/evento/", $name, ".java")
            )),*
        ]
    };
}

/// The copy of the SDK.
pub(super) const SDK: &[File] = sdk! {
    "ApplyContext"
    "Bytes"
    "CommandLog"
    "Context"
    "EntityFunction"
    "Evento"
    "Events"
    "Failure"
    "SeededRandom"
    "codec/Check"
    "codec/Codec"
    "codec/Frozen"
    "codec/Malformed"
    "codec/Read"
    "codec/Reader"
    "codec/Write"
    "codec/Writer"
    "codec/package-info"
    "host/CommandType"
    "host/Decide"
    "host/EventType"
    "host/Evolve"
    "host/Host"
    "host/Names"
    "host/package-info"
    "package-info"
    "server/Batch"
    "server/Budget"
    "server/Connection"
    "server/Deadline"
    "server/Failures"
    "server/Fields"
    "server/Functions"
    "server/Identity"
    "server/Json"
    "server/Limits"
    "server/Plain"
    "server/Refused"
    "server/Reply"
    "server/Request"
    "server/Run"
    "server/Server"
    "server/Settings"
    "server/Threads"
    "server/package-info"
    "testing/Given"
    "testing/Outcome"
    "testing/Passing"
    "testing/package-info"
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{File, GENERATED, SDK};

    /// Every source below a folder, as a project has it below another.
    fn sources(folder: &Path, shown: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name");
            let shown = format!("{shown}/{name}");
            match entry.path().is_dir() {
                true => sources(&entry.path(), &shown, found),
                false if name.ends_with(".java") && name != "module-info.java" => found.push(shown),
                false => {}
            }
        }
    }

    fn compare(files: &[File], folder: &str, shown: &str) {
        let mut wanted = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), shown, &mut wanted);
        let mut there: Vec<&str> = files.iter().map(|file| file.path).filter(|path| path.ends_with(".java")).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted);
    }

    #[test]
    fn the_copies_of_the_sdk_and_of_generated_code_have_all_their_files() {
        compare(SDK, "sdk/java/src/main/java", "vendor/evento-sdk-java");
        compare(GENERATED, "examples/bank-java/generated", "generated");
    }
}
