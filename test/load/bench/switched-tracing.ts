import {
  context,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
  type Context,
  type ContextManager,
  type Tracer,
  type TracerProvider as Tracers,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import { exportSpans } from '../../../shared/telemetry/span-export.ts';

/**
 * Tracing that differs from one moment to the next: none, as without the SDK, or that of the services at a ratio. Thus
 * one process is compared with itself: two that do the same differ by more than tracing costs. Once for each process.
 */
export class SwitchedTracing {
  readonly #receiverUrl: string;
  readonly #logger: Logger;
  readonly #contexts = new SwitchedContexts();
  readonly #providers = new Map<number, TracerProvider>();
  /** Hands out the tracer that does nothing, as long as no provider is behind it. */
  readonly #none: Tracers = new ProxyTracerProvider();
  #current = this.#none;

  constructor(receiverUrl: string, logger: Logger) {
    this.#receiverUrl = receiverUrl;
    this.#logger = logger;
    trace.setGlobalTracerProvider({ getTracer: (name) => this.#tracer(name) });
    context.setGlobalContextManager(this.#contexts);
  }

  /** From here on this share of the traces is sampled and sent; none are made when `undefined`. */
  use(ratio: number | undefined): void {
    this.#current = ratio === undefined ? this.#none : this.#providerOf(ratio);
    this.#contexts.areKept = ratio !== undefined;
  }

  #providerOf(ratio: number): TracerProvider {
    const existing = this.#providers.get(ratio);
    if (existing) return existing;
    const exporter = new OTLPTraceExporter({ url: `${this.#receiverUrl}/v1/traces` });
    const provider = new TracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [exportSpans(exporter, this.#logger)],
    });
    this.#providers.set(ratio, provider);
    return provider;
  }

  #tracer(name: string): Tracer {
    const tracers = new Map<Tracers, Tracer>();
    const current = (): Tracer => {
      const provider = this.#current;
      const tracer = tracers.get(provider) ?? provider.getTracer(name);
      tracers.set(provider, tracer);
      return tracer;
    };
    return {
      startSpan: (...args) => current().startSpan(...args),
      startActiveSpan: (...args: Parameters<Tracer['startActiveSpan']>) => current().startActiveSpan(...args),
    } as Tracer;
  }
}

/** Without the SDK no context is active but the root, and nothing carries it from one await to the next. */
class SwitchedContexts implements ContextManager {
  readonly #kept = new AsyncLocalStorageContextManager();
  areKept = false;

  active(): Context {
    return this.areKept ? this.#kept.active() : ROOT_CONTEXT;
  }

  with: ContextManager['with'] = (active, work, thisArg, ...args) =>
    this.areKept ? this.#kept.with(active, work, thisArg, ...args) : work.call(thisArg as never, ...args);

  bind<T>(active: Context, target: T): T {
    return this.areKept ? this.#kept.bind(active, target) : target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}
