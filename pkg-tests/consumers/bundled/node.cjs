const { line } = require('./app.cjs');

line().then(console.log);
