package dev.evento.server;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import dev.evento.Golden;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The token of the golden file is taken; every altered one is not. */
class IdentityTest {
    private static final JsonNode VECTOR = Golden.json("identity.json");
    private static final JsonNode REQUEST = VECTOR.get("request");

    private static Identity at(long second, Map<String, String> environment) {
        return new Identity(Settings.from(environment), InstantSource.fixed(Instant.ofEpochSecond(second)));
    }

    private static Identity at(long second) {
        return at(second, Map.of("EVENTO_IDENTITY_KEYS", VECTOR.get("keys").asText()));
    }

    private static String bodyHash() throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Golden.hex(REQUEST.get("bodyFile").asText()));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
    }

    private static void verify(Identity identity, String token, String aud, String call, String attempt)
            throws Exception {
        identity.verify(token, aud, call, REQUEST.get("revision").asText(), attempt, bodyHash());
    }

    private static void verify(Identity identity) throws Exception {
        verify(identity, VECTOR.get("token").asText(), "POST /run", REQUEST.get("call").asText(), null);
    }

    @ParameterizedTest
    @ValueSource(longs = {1795413540, 1795413600, 1795413720})
    void the_golden_token_is_taken_within_its_time(long now) {
        assertDoesNotThrow(() -> verify(at(now)));
    }

    @ParameterizedTest
    @ValueSource(longs = {1795413539, 1795413721, 0})
    void at_another_time_it_is_not(long now) {
        assertEquals(401, assertThrows(Refused.class, () -> verify(at(now))).status);
    }

    @Test
    void a_call_is_made_once() throws Exception {
        Identity identity = at(1795413600);
        verify(identity);
        assertThrows(Refused.class, () -> verify(identity));
    }

    @Test
    void a_token_for_another_request_is_refused() {
        String token = VECTOR.get("token").asText();
        String call = REQUEST.get("call").asText();
        assertThrows(Refused.class, () -> verify(at(1795413600), token, "POST /handle/x", call, null));
        assertThrows(Refused.class, () -> verify(at(1795413600), token, "POST /run", "other", null));
        assertThrows(Refused.class, () -> verify(at(1795413600), token, "POST /run", call, "2"));
        assertThrows(Refused.class,
                () -> at(1795413600).verify(token, "POST /run", call, "sha256:00", null, bodyHash()));
        assertThrows(Refused.class, () -> at(1795413600).verify(token, "POST /run", call,
                REQUEST.get("revision").asText(), null, "other"));
    }

    @Test
    void a_token_with_any_changed_character_is_refused() {
        String token = VECTOR.get("token").asText();
        // The last character of a base64 text may have bits that say nothing, so it is left out.
        for (int at = 0; at < token.length() - 1; at++) {
            char other = token.charAt(at) == 'A' ? 'B' : 'A';
            String changed = token.substring(0, at) + other + token.substring(at + 1);
            assertThrows(Refused.class, () -> verify(at(1795413600), changed, "POST /run",
                    REQUEST.get("call").asText(), null), "character " + at);
        }
        for (String none : new String[] {null, "", "a.b", "a.b.c.d"}) {
            assertThrows(Refused.class, () -> verify(at(1795413600), none, "POST /run", "x", null));
        }
    }

    @Test
    void keys_may_come_from_a_file(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("keys");
        Files.writeString(file, VECTOR.get("keys").asText() + "\n");
        Map<String, String> environment = Map.of("EVENTO_IDENTITY_KEYS_FILE", file.toString());
        verify(at(1795413600, environment));
        Files.writeString(file, "k2:" + VECTOR.get("publicKey").asText());
        assertThrows(Refused.class, () -> verify(at(1795413600, environment)));
    }

    @Test
    void keys_that_are_none_are_refused_at_the_start() {
        assertThrows(IllegalArgumentException.class, () -> at(0, Map.of("EVENTO_IDENTITY_KEYS", "k1:abc")));
    }
}
