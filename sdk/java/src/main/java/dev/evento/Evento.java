package dev.evento;

import dev.evento.server.Server;
import dev.evento.server.Settings;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.InstantSource;
import java.util.List;

/** Serves functions to Evento. */
public final class Evento {
    private Evento() {}

    /**
     * Serves these functions, one per entity, until SIGTERM or SIGINT; then what is in flight is answered, and the
     * process exits with 0 within 5 s.
     *
     * <p>Listens on {@code EVENTO_LISTEN} ({@code unix:/path} or {@code host:port}), else on {@code 0.0.0.0:$PORT},
     * else on {@code 0.0.0.0:8080}. When it cannot, it says so on stderr and exits with 1.
     */
    public static void serve(EntityFunction<?, ?, ?>... functions) {
        Settings settings = Settings.from(System.getenv());
        try (Server server = Server.start(settings, List.of(functions), InstantSource.system())) {
            onSignal(server);
            server.awaitStop();
        } catch (IOException | IllegalArgumentException failed) {
            System.err.println("ERROR cannot serve on " + settings.listen() + ": " + failed.getMessage()
                    + ". Set EVENTO_LISTEN to unix:/path or host:port that is free.");
            System.exit(1);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** A shutdown hook cannot end a process with 0; a signal handler can. Where there is none, the hook must do. */
    private static void onSignal(Server server) {
        try {
            handle("TERM", server);
            handle("INT", server);
        } catch (ReflectiveOperationException | IllegalArgumentException without) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                server.close();
                Runtime.getRuntime().halt(0);
            }, "evento-stop"));
        }
    }

    private static void handle(String name, Server server) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Class<?> handler = Class.forName("sun.misc.SignalHandler");
        InvocationHandler closing = (proxy, method, args) -> {
            if (method.getName().equals("handle")) {
                server.close();
                System.exit(0);
            }
            return null;
        };
        Object stop = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, closing);
        try {
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance(name), stop);
        } catch (InvocationTargetException refused) {
            throw new ReflectiveOperationException(refused.getCause());
        }
    }
}
