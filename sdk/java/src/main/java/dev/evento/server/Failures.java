package dev.evento.server;

import dev.evento.Failure;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/** What exceptions out of user code become. */
final class Failures {
    private final boolean full;

    /** {@code full}: failures carry their stack to Evento. */
    Failures(boolean full) {
        this.full = full;
    }

    /** The failure that Evento is told; what was not meant to be thrown is written to stderr as well. */
    Failure of(Throwable thrown, String commandId) {
        if (thrown instanceof Failure failure) {
            return full && failure.getCause() != null && failure.detail().isEmpty()
                    ? failure.withDetail(stack(failure)) : failure;
        }
        StringBuilder lines = new StringBuilder();
        stack(thrown).lines().limit(40)
                .forEach(line -> lines.append("ERROR [").append(commandId).append("] ").append(line).append('\n'));
        System.err.print(lines);
        String message = thrown.getMessage();
        String title = thrown.getClass().getSimpleName() + (message == null ? "" : ": " + message);
        return Failure.retry(title).withDetail(full ? stack(thrown) : place(thrown)).withCause(thrown);
    }

    /** Groups equal errors: the exception's type and the innermost frame that is not Java's own. */
    static String fingerprint(Failure failure) {
        Throwable thrown = failure.getCause() == null ? failure : failure.getCause();
        String what = thrown.getClass().getName() + " " + place(thrown);
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(what.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }

    /** At most so many bytes of UTF-8, cut between characters; half a surrogate pair becomes a question mark. */
    static String cut(String text, int bytesMax) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int end = Math.min(bytes.length, bytesMax);
        while (end > 0 && end < bytes.length && (bytes[end] & 0xc0) == 0x80) {
            end--;
        }
        return new String(bytes, 0, end, StandardCharsets.UTF_8);
    }

    private static String place(Throwable thrown) {
        return Arrays.stream(thrown.getStackTrace())
                .filter(frame -> !frame.getClassName().startsWith("java."))
                .findFirst()
                .map(frame -> frame.getFileName() + ":" + frame.getLineNumber() + " in " + frame.getMethodName())
                .orElse("");
    }

    private static String stack(Throwable thrown) {
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }
}
