// A daemon in JavaScript; what it does is what the one in each other language here does.
const { spawnSync } = require('child_process');
const fs = require('fs');

const say = (...words) => fs.writeSync(1, words.join(' ') + '\n');

fs.writeFileSync('x.pid', `${process.pid}\n`);
// On a thread of its own, as all that is not called Sync.
fs.promises.writeFile('made', `${process.pid}\n`)
  .then(() => fs.promises.rename('made', 'y.pid'))
  .then(() => {
    process.once('SIGALRM', handled);
    process.kill(process.pid, 'SIGALRM');
  });
// Without something to wait for it would end.
const life = setInterval(() => {}, 1 << 30);

function handled() {
  say('handled');
  say('after:', process.listenerCount('SIGALRM'));
  const child = spawnSync('sh', ['-c', 'echo works; exit 5'], { stdio: 'inherit' });
  say('child:', child.status);
  say('killed:', spawnSync('sh', ['-c', 'kill -TERM $$']).signal);
  say('ready');
  process.stdin.once('data', end);
}

function end() {
  process.stdin.destroy();
  switch (process.argv[2]) {
    case 'exit': return process.exit(3);
    case 'return': process.exitCode = 3; return clearInterval(life);
    case 'alarm': return process.kill(process.pid, 'SIGALRM');
    case 'abort':
      // It would tell of a stack that lies elsewhere each time.
      fs.closeSync(2);
      return process.abort();
  }
}
