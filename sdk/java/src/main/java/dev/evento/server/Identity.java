package dev.evento.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Whether a request comes from Evento: the token in {@code Evento-Identity} (function protocol 9). Verifies whenever
 * keys are set; a function without keys believes whoever can reach it.
 */
final class Identity {
    private static final String HEADER = "evento-identity";
    /** Allowed difference of the clocks, in seconds. */
    private static final long SKEW = 60;
    /** Seconds between two looks at the file of keys. */
    private static final long REREAD = 60;
    /** Calls remembered at most; beyond it the oldest are forgotten. */
    private static final int CALLS_MAX = 1 << 20;
    /** What stands before the 32 bytes of an Ed25519 key in its X.509 form (RFC 8410). */
    private static final byte[] KEY_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");
    private static final Set<String> CLAIMS = Set.of("iss", "aud", "iat", "exp", "call", "att", "rev", "bh");

    private final Settings settings;
    private final InstantSource clock;
    private Map<String, PublicKey> keys = Map.of();
    private long readAt = Long.MIN_VALUE;
    /** Calls seen, oldest first, each with the second until which it is remembered. Bound: {@link #CALLS_MAX}. */
    private final LinkedHashMap<String, Long> calls = new LinkedHashMap<>();

    /** The clock is handed in, since tokens are about time. */
    Identity(Settings settings, InstantSource clock) {
        this.settings = settings;
        this.clock = clock;
        if (settings.identityKeys() != null) {
            keys = parse(settings.identityKeys());
        }
    }

    private boolean isOff() {
        return settings.identityKeys() == null && settings.identityKeysFile() == null;
    }

    /**
     * Goes on only with a request whose identity is proven.
     *
     * @throws Refused with 401 otherwise
     */
    void verify(Request request) {
        if (isOff()) {
            return;
        }
        String aud = request.method() + " " + request.path();
        Fields fields = request.fields();
        verify(fields.text(HEADER), aud, fields.text("evento-call"), fields.text("evento-revision"),
                fields.text("evento-attempt"), bodyHash(request));
    }

    /** The same by its parts; {@code bodyHash} is base64url of SHA-256. */
    void verify(String token, String aud, String call, String revision, String attempt, String bodyHash) {
        String[] parts = token == null ? new String[0] : token.split("\\.", -1);
        if (parts.length != 3) {
            throw refused("no token");
        }
        Map<String, Object> header = object(parts[0]);
        if (!"EdDSA".equals(header.get("alg"))) {
            throw refused("the algorithm is not EdDSA");
        }
        PublicKey key = keys().get(String.valueOf(header.get("kid")));
        if (key == null || !isSigned(key, parts)) {
            throw refused("the key is unknown, or the signature is not its");
        }
        Map<String, Object> claims = object(parts[1]);
        if (!claims.keySet().containsAll(CLAIMS)) {
            throw refused("a claim is missing");
        }
        boolean fits = "evento".equals(claims.get("iss")) && aud.equals(claims.get("aud"))
                && claims.get("call").equals(call) && claims.get("rev").equals(revision)
                && claims.get("bh").equals(bodyHash)
                && claims.get("att").equals(attempt == null ? 0L : (Object) number(attempt));
        if (!fits) {
            throw refused("the token belongs to another request");
        }
        remember(call, claims.get("iat"), claims.get("exp"));
    }

    private synchronized void remember(String call, Object iat, Object exp) {
        long now = clock.instant().getEpochSecond();
        if (!(iat instanceof Long from && exp instanceof Long to && from - SKEW <= now && now <= to + SKEW)) {
            throw refused("the token is not of this time");
        }
        Iterator<Long> oldest = calls.values().iterator();
        while (oldest.hasNext() && (oldest.next() < now || calls.size() >= CALLS_MAX)) {
            oldest.remove();
        }
        if (calls.putIfAbsent(call, to + SKEW) != null) {
            throw refused("the call was made before");
        }
    }

    private static Long number(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException wrong) {
            throw refused("Evento-Attempt is no number");
        }
    }

    private static boolean isSigned(PublicKey key, String[] parts) {
        try {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initVerify(key);
            signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
            return signature.verify(Base64.getUrlDecoder().decode(parts[2]));
        } catch (GeneralSecurityException | IllegalArgumentException wrong) {
            return false;
        }
    }

    private static Map<String, Object> object(String part) {
        try {
            return Json.flatObject(new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8));
        } catch (IllegalArgumentException wrong) {
            throw refused("the token cannot be read");
        }
    }

    private static String bodyHash(Request request) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(request.body(), request.bodyFrom(), request.bodyTo() - request.bodyFrom());
            return Base64.getUrlEncoder().withoutPadding().encodeToString(digest.digest());
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }

    private synchronized Map<String, PublicKey> keys() {
        long now = clock.instant().getEpochSecond();
        if (settings.identityKeysFile() != null && now - REREAD >= readAt) {
            try {
                keys = parse(Files.readString(settings.identityKeysFile()).strip());
                readAt = now;
            } catch (IOException | IllegalArgumentException wrong) {
                System.err.println("WARN EVENTO_IDENTITY_KEYS_FILE: " + wrong + "; the keys read before stay");
            }
        }
        return keys;
    }

    private static Map<String, PublicKey> parse(String text) {
        Map<String, PublicKey> keys = new HashMap<>();
        for (String entry : text.split(",")) {
            int colon = entry.indexOf(':');
            byte[] key = Base64.getUrlDecoder().decode(entry.substring(colon + 1).strip());
            if (colon < 1 || key.length != 32) {
                throw new IllegalArgumentException("identity keys look like k1:<base64url of 32 bytes>,k2:…");
            }
            byte[] encoded = new byte[KEY_PREFIX.length + 32];
            System.arraycopy(KEY_PREFIX, 0, encoded, 0, KEY_PREFIX.length);
            System.arraycopy(key, 0, encoded, KEY_PREFIX.length, 32);
            try {
                keys.put(entry.substring(0, colon).strip(),
                        KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded)));
            } catch (GeneralSecurityException wrong) {
                throw new IllegalArgumentException("an identity key is no Ed25519 key", wrong);
            }
        }
        return keys;
    }

    private static Refused refused(String why) {
        return new Refused(401, "the request does not prove that it comes from Evento", why);
    }
}
