// A worker as a function of requests. Both ends are here: the page's and the worker's.

// Starts the script and returns ask(action, request, transfer, progress), which resolves to the answer.
// progress(share) is called with 0..1 on the way, if the worker reports it.
export function startWorker(script) {
  const worker = new Worker(script, { type: 'module' });
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data: { id, error, share, ...answer } }) => {
    const { resolve, reject, progress } = waiting.get(id);
    if (share !== undefined) {
      progress?.(share);
      return;
    }
    waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(error));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of waiting.values()) reject(new Error(event.message || 'its script does not run'));
    waiting.clear();
  };
  return (action, request = {}, transfer = [], progress = undefined) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject, progress });
      worker.postMessage({ id: last, action, ...request }, transfer);
    });
}

// In the worker. actions: by name, async functions of (request, progress) that return [answer, transfer].
export function serveRequests(actions) {
  onmessage = async ({ data: { id, action, ...request } }) => {
    try {
      const [answer, transfer = []] = await actions[action](request, (share) => postMessage({ id, share }));
      postMessage({ id, ...answer }, transfer);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error).split('\n')[0] });
    }
  };
}
