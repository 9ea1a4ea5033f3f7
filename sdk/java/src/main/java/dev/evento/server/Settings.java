package dev.evento.server;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.Map;

/**
 * What the environment says (function protocol 3 and 13.1).
 *
 * @param listen {@code unix:/path} or {@code host:port}
 * @param function name of the Function resource; empty when unknown
 * @param instance what Evento gave this start of the process; null when Evento did not start it
 * @param fullErrors whether failures carry their stack
 * @param identityKeys {@code k1:base64url,k2:…}; null when requests need no identity
 * @param identityKeysFile a file with the same, re-read every 60 s; null when there is none
 */
public record Settings(String listen, String function, String instance, boolean fullErrors, String identityKeys,
        Path identityKeysFile) {

    /** From the environment's variables. */
    public static Settings from(Map<String, String> environment) {
        String port = environment.getOrDefault("PORT", "8080");
        String detail = environment.get("EVENTO_ERROR_DETAIL");
        String file = environment.get("EVENTO_IDENTITY_KEYS_FILE");
        return new Settings(
                environment.getOrDefault("EVENTO_LISTEN", "0.0.0.0:" + port),
                environment.getOrDefault("EVENTO_FUNCTION", ""),
                environment.get("EVENTO_INSTANCE"),
                detail == null ? "1".equals(environment.get("EVENTO_DEV")) : detail.equals("full"),
                environment.get("EVENTO_IDENTITY_KEYS"),
                file == null ? null : Path.of(file));
    }

    /** Path of the unix socket, or null. */
    Path socketPath() {
        return listen.startsWith("unix:") ? Path.of(listen.substring("unix:".length())) : null;
    }

    /**
     * Where to listen.
     *
     * @throws IllegalArgumentException when {@code listen} is neither form
     */
    SocketAddress address() {
        if (socketPath() != null) {
            return UnixDomainSocketAddress.of(socketPath());
        }
        int colon = listen.lastIndexOf(':');
        try {
            String host = listen.substring(0, Math.max(colon, 0)).replace("[", "").replace("]", "");
            int port = Integer.parseInt(listen.substring(colon + 1));
            return host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
        } catch (IllegalArgumentException wrong) {
            throw new IllegalArgumentException(
                    "EVENTO_LISTEN is \"" + listen + "\"; it must be unix:/path or host:port", wrong);
        }
    }
}
