package dev.evento.server;

import java.util.LinkedHashMap;
import java.util.Map;

/** As much JSON as the server needs: quoted strings, and flat objects of strings and whole numbers. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** A string in quotes. */
    static String quote(String value) {
        StringBuilder quoted = new StringBuilder(value.length() + 2).append('"');
        for (int n = 0; n < value.length(); n++) {
            char c = value.charAt(n);
            switch (c) {
                case '"', '\\' -> quoted.append('\\').append(c);
                case '\n' -> quoted.append("\\n");
                case '\t' -> quoted.append("\\t");
                default -> {
                    if (c < 0x20 || Character.isSurrogate(c)) {
                        quoted.append(String.format("\\u%04x", (int) c));
                    } else {
                        quoted.append(c);
                    }
                }
            }
        }
        return quoted.append('"').toString();
    }

    /**
     * The members of a flat object: {@code String} or {@code Long}.
     *
     * @throws IllegalArgumentException when the text is anything else
     */
    static Map<String, Object> flatObject(String text) {
        Json json = new Json(text);
        Map<String, Object> members = new LinkedHashMap<>();
        json.expect('{');
        do {
            String name = json.string();
            json.expect(':');
            if (members.put(name, json.peek() == '"' ? json.string() : (Object) json.number()) != null) {
                throw json.wrong();
            }
        } while (json.accept(','));
        json.expect('}');
        json.peek();
        if (json.at != text.length()) {
            throw json.wrong();
        }
        return members;
    }

    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : 0;
    }

    private boolean accept(char wanted) {
        if (peek() == wanted) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(char wanted) {
        if (!accept(wanted)) {
            throw wrong();
        }
    }

    private String string() {
        expect('"');
        int end = text.indexOf('"', at);
        if (end < 0 || text.substring(at, end).indexOf('\\') >= 0) {
            throw wrong();
        }
        String value = text.substring(at, end);
        at = end + 1;
        return value;
    }

    private long number() {
        peek();
        int from = at;
        while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        try {
            return Long.parseLong(text.substring(from, at));
        } catch (NumberFormatException wrong) {
            throw wrong();
        }
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("not a flat JSON object, at character " + at);
    }
}
