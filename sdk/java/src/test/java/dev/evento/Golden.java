package dev.evento;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/** The golden files of the conformance kit, which all SDKs share. */
public final class Golden {
    private static final Path FOLDER = Path.of("../conformance/golden");

    private Golden() {}

    /** Bytes of a {@code .hex} file. */
    public static byte[] hex(String file) {
        return HexFormat.of().parseHex(text(file).replaceAll("\\s", ""));
    }

    /** A {@code .json} file. */
    public static JsonNode json(String file) {
        try {
            return new ObjectMapper().readTree(text(file));
        } catch (IOException wrong) {
            throw new UncheckedIOException(wrong);
        }
    }

    private static String text(String file) {
        try {
            return Files.readString(FOLDER.resolve(file));
        } catch (IOException missing) {
            throw new UncheckedIOException(missing);
        }
    }
}
