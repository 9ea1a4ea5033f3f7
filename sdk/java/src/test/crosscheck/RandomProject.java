import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Makes a project of random schemas, for {@code evento gen java} to make codecs of, which are then compared with Apache
 * Avro's. One entity whose commands have the schemas. The same seed gives the same project.
 *
 * <p>Usage: {@code java RandomProject.java SEED COUNT FOLDER}
 */
final class RandomProject {
    private static final int DEPTH_MAX = 4;
    private static final String[] SIMPLE = {"boolean", "int", "long", "float", "double", "string", "bytes"};
    private static final String[] LOGICAL = {
        "{'type':'string','logicalType':'uuid'}",
        "{'type':'int','logicalType':'date'}",
        "{'type':'long','logicalType':'timestamp-millis'}",
        "{'type':'long','logicalType':'timestamp-micros'}",
        "{'type':'long','logicalType':'local-timestamp-nanos'}",
        "{'type':'int','logicalType':'time-millis'}",
    };

    private final Random random;
    private final String prefix;
    private int named;
    /** Named types that were defined before and may be used again. */
    private final List<String> known = new ArrayList<>();

    private RandomProject(Random random, String prefix) {
        this.random = random;
        this.prefix = prefix;
    }

    public static void main(String[] args) throws IOException {
        Random random = new Random(Long.parseLong(args[0]));
        int count = Integer.parseInt(args[1]);
        Path schemas = Files.createDirectories(Path.of(args[2], "schemas"));
        Path resources = Files.createDirectories(Path.of(args[2], "resources"));
        StringBuilder documents = new StringBuilder(document("Entity", "subject", "Subject", ""));
        write(schemas, "Subject", record("Subject", "{'name':'n','type':'long'}"));
        documents.append(document("Event", "happened", "Happened", "  entity: subject\n"));
        write(schemas, "Happened", record("Happened", ""));
        for (int n = 0; n < count; n++) {
            String name = "Case" + n;
            write(schemas, name, record(name, new RandomProject(random, name).fields(0)));
            documents.append(document("Command", "case" + n, name, "  entity: subject\n  emits: [happened]\n"));
        }
        Files.writeString(resources.resolve("all.yaml"), documents);
    }

    private static String document(String kind, String name, String schema, String more) {
        return "---\napiVersion: evento.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec:\n"
                + more + "  schemaFile: ../schemas/" + schema + ".avsc\n";
    }

    private static void write(Path folder, String name, String schema) throws IOException {
        Files.writeString(folder.resolve(name + ".avsc"), schema.replace('\'', '"'));
    }

    private static String record(String name, String fields) {
        return "{'type':'record','name':'" + name + "','namespace':'cross','fields':[" + fields + "]}";
    }

    private String fields(int depth) {
        List<String> fields = new ArrayList<>();
        for (int left = random.nextInt(6); left >= 0; left--) {
            fields.add("{'name':'field" + fields.size() + "','type':" + type(depth, true) + "}");
        }
        return String.join(",", fields);
    }

    private String type(int depth, boolean unionsToo) {
        switch (random.nextInt(depth >= DEPTH_MAX ? 5 : unionsToo ? 11 : 9)) {
            case 0, 1, 2:
                return "'" + SIMPLE[random.nextInt(SIMPLE.length)] + "'";
            case 3:
                return LOGICAL[random.nextInt(LOGICAL.length)];
            case 4:
                boolean again = random.nextInt(4) > 0 && !known.isEmpty();
                return again ? known.get(random.nextInt(known.size())) : named(depth);
            case 5:
                return "{'type':'array','items':" + type(depth + 1, true) + "}";
            case 6:
                return "{'type':'map','values':" + type(depth + 1, true) + "}";
            case 7, 8:
                return named(depth);
            case 9:
                String item = type(depth + 1, false);
                return random.nextBoolean() ? "['null'," + item + "]" : "[" + item + ",'null']";
            default:
                return union(depth);
        }
    }

    private String named(int depth) {
        String name = prefix + "Part" + named++;
        String defined = switch (random.nextInt(depth >= DEPTH_MAX ? 3 : 4)) {
            case 0 -> "{'type':'enum','name':'" + name + "','symbols':['A','b','C_D']}";
            case 1 -> "{'type':'fixed','name':'" + name + "','size':" + (1 + random.nextInt(9)) + "}";
            case 2 -> "{'type':'fixed','name':'" + name + "','size':8,'logicalType':'decimal','precision':"
                    + (1 + random.nextInt(18)) + "}";
            default -> "{'type':'record','name':'" + name + "','fields':[" + fields(depth + 1) + "]}";
        };
        // Only now, so that no type is used before it is defined.
        known.add("'" + name + "'");
        return defined;
    }

    /** Branches that do not look alike in JSON, since Evento refuses those. */
    private String union(int depth) {
        int precision = 1 + random.nextInt(40);
        String decimal = "{'type':'bytes','logicalType':'decimal','precision':" + precision + ",'scale':"
                + precision / 2 + "}";
        List<String> branches = new ArrayList<>(switch (random.nextInt(3)) {
            case 0 -> List.of("'long'", "'string'");
            case 1 -> List.of("'double'", "'boolean'");
            default -> List.of("'int'", decimal);
        });
        if (random.nextBoolean()) {
            branches.add("'null'");
        }
        Collections.shuffle(branches, random);
        // In the order of the text, so that no named type is used before it is defined.
        if (random.nextBoolean()) {
            branches.add("{'type':'array','items':" + type(depth + 1, false) + "}");
        }
        if (random.nextBoolean()) {
            branches.add("{'type':'map','values':" + type(depth + 1, false) + "}");
        }
        return "[" + String.join(",", branches) + "]";
    }
}
