# In /etc/conf.d/NAME. "pidward drop-in openrc NAME --install" writes these lines.
if [ -e /usr/local/lib/pidward/libpidward.so ]; then
    export LD_PRELOAD="/usr/local/lib/pidward/libpidward.so${LD_PRELOAD:+:$LD_PRELOAD}"
fi
